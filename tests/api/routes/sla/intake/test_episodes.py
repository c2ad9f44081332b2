"""Episodes become outages by themselves; what nobody knows is asked of a person, and settled by none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals
from adapters.postgres.sla.intake import episodes
from adapters.postgres.tables import intake_episodes
from domain.sla.intake.episodes import EpisodeStatus
from services.sla.intake.conclude_episode import Concluded, conclude_episode
from tests.testkit.api_client import wait_until
from tests.testkit.sla.alert_factory import make_alert
from tests.testkit.sla.source_client import (
    SourceClient,
    format_minutes_ago,
    make_source_client,
)
from tests.workflows.fakes.fake_payment_activities import build_payment

START, END, LATER = 40.0, 20.0, 10.0


def parse(instant: str | None) -> datetime | None:
    return None if instant is None else datetime.fromisoformat(instant)


async def decide(
    source: SourceClient, episode_id: str, what: str, status: int = 200, **body: Any
) -> dict[str, Any]:
    answer = await source.api.post(f"/intake/episodes/{episode_id}/{what}", json=body)
    assert answer.status_code == status, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_an_alert_declares_an_outage_and_resolves_it(api: httpx.AsyncClient) -> None:
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("tower-7", start, service="VOICE"))
    id_ = (await source.find_episode())["id"]
    outage = await source.await_outage(id_, lifecycle="declared")
    assert (outage["site_id"], outage["severity"]) == ("tower-7", "critical")
    assert outage["affected_services"] == ["VOICE"]
    assert parse(outage["detected_at"]) == start
    await source.hear(make_alert("tower-7", start, end, service="VOICE"))
    outage = await source.await_outage(id_, lifecycle="disputable")
    assert parse(outage["resolved_at"]) == end
    assert outage["sla_status"]["mttr_minutes"] == 20
    trail = (await api.get("/audit", params={"subject": f"outage/{id_}"})).json()["items"]
    assert {each["actor"] for each in trail} == {f"source/{source.name}"}


async def test_who_is_behind_a_source_has_made_what_it_says(
    api: httpx.AsyncClient, database: Database
) -> None:
    """Whoever named the source has had its token, and approves nothing that came with it."""
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("a", start, end))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="disputable")
    trail = (await api.get("/audit", params={"subject": f"source/{source.name}"})).json()["items"]
    (named_by,) = {each["actor"] for each in trail}
    owed = replace(build_payment("pay-behind"), outage_id=id_)
    async with database.autocommit() as connection:
        makers = await approvals.find_makers(connection, [owed])
    assert set(makers[id_]) == {f"source/{source.name}", named_by}


async def test_a_whole_outage_that_was_never_opened_is_judged(api: httpx.AsyncClient) -> None:
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("a", start, end))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="disputable")


async def test_an_unknown_end_waits_for_a_person_who_gives_it(api: httpx.AsyncClient) -> None:
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("a", start), make_alert("b", start))
    await source.hear(make_alert("b", start))
    (asked,) = await source.list_episodes(status="end_unknown")
    assert asked["reason_code"] == "missing_from_group"
    await source.await_outage(asked["id"], lifecycle="declared")
    early = {"ended_at": start.isoformat()}
    assert (await decide(source, asked["id"], "end", 422, **early))["status"] == 422
    given = await decide(source, asked["id"], "end", ended_at=end.isoformat(), note="by phone")
    assert (given["status"], given["note"]) == ("ended", "by phone")
    outage = await source.await_outage(asked["id"], lifecycle="disputable")
    assert parse(outage["resolved_at"]) == end
    trail = (await api.get("/audit", params={"subject": f"outage/{asked['id']}"})).json()["items"]
    assert given["decided_by"] in {each["actor"] for each in trail}
    await decide(source, asked["id"], "end", 409, ended_at=end.isoformat())


async def test_a_dismissed_episode_takes_its_outage_with_it(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    await source.hear(make_alert("a", format_minutes_ago(START)))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="declared")
    await decide(source, id_, "dismiss", 422, reason=" ")
    await decide(source, id_, "dismiss", reason="a drill")
    await source.await_outage(id_, lifecycle="cancelled")
    await source.hear(make_alert("a", format_minutes_ago(START)))
    await decide(source, id_, "dismiss", 409, reason="again")


async def test_what_fires_again_reopens_its_outage(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    start, end, later = map(format_minutes_ago, (START, END, LATER))
    await source.hear(make_alert("a", start, end))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="disputable")
    await source.hear(make_alert("a", start))
    await source.await_outage(id_, lifecycle="declared")
    await source.hear(make_alert("a", start, later))
    outage = await source.await_outage(id_, lifecycle="disputable")
    assert parse(outage["resolved_at"]) == later
    assert outage["sla_status"]["mttr_minutes"] == 30


async def test_what_can_not_be_reopened_is_followed_by_another_outage(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api)
    start, end, later = map(format_minutes_ago, (START, END, LATER))
    await source.hear(make_alert("a", start, end))
    first = (await source.find_episode())["id"]
    await source.await_outage(first, lifecycle="disputable")
    dispute = {"outage_id": first, "reason": "it was five minutes"}
    assert (await api.post("/sla/disputes", json=dispute)).status_code == 201
    await source.hear(make_alert("a", start))
    await source.await_episode(first, status="ended")
    (next_,) = [each for each in await source.list_episodes() if each["id"] != first]
    assert (next_["continues"], parse(next_["began_at"])) == (first, end)
    await source.hear(make_alert("a", start, later))
    outage = await source.await_outage(next_["id"], lifecycle="disputable")
    assert (parse(outage["detected_at"]), parse(outage["resolved_at"])) == (end, later)
    kept = await source.await_outage(first, lifecycle="disputed")
    assert parse(kept["resolved_at"]) == end


async def test_quarantine_is_left_by_a_mended_mapping_or_true_times(
    api: httpx.AsyncClient,
) -> None:
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("", start))
    waiting = await source.find_episode()
    assert (waiting["status"], waiting["reason_code"]) == ("quarantined", "unmapped")
    assert (await api.get(f"/outages/{waiting['id']}")).status_code == 404
    refused = await decide(source, waiting["id"], "release", 422)
    assert refused["errors"][0]["field"] == "site"
    mapping = {"site": {"label": "site", "default": "somewhere"}, "severity": {"default": "low"}}
    await api.patch(f"/intake/sources/{source.name}", json={"mapping": mapping})
    await decide(source, waiting["id"], "release", ended_at=end.isoformat())
    outage = await source.await_outage(waiting["id"], lifecycle="disputable")
    assert (outage["site_id"], outage["severity"]) == ("somewhere", "low")
    await decide(source, waiting["id"], "release", 409)


async def test_a_release_in_the_time_of_another_episode_of_its_alert_is_refused(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api)
    start, end, later = map(format_minutes_ago, (START, END, LATER))
    await source.hear(make_alert("a", start, end))
    first = (await source.find_episode())["id"]
    await source.hear(make_alert("a", format_minutes_ago(30)))
    (waiting,) = await source.list_episodes(status="quarantined")
    assert waiting["reason_code"] == "overlaps"
    refused = await decide(source, waiting["id"], "release", 409, ended_at=later.isoformat())
    assert first in refused["detail"]
    times = {"began_at": end.isoformat(), "ended_at": later.isoformat()}
    await decide(source, waiting["id"], "release", **times)
    outage = await source.await_outage(waiting["id"], lifecycle="disputable")
    assert (parse(outage["detected_at"]), parse(outage["resolved_at"])) == (end, later)


async def test_an_episode_of_any_age_is_known_by_its_beginning(
    api: httpx.AsyncClient, database: Database
) -> None:
    source = await make_source_client(api)
    start, end = map(format_minutes_ago, (START, END))
    await source.hear(make_alert("a", start, end))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="disputable")
    async with database.transaction() as connection:
        await connection.execute(
            sa.update(intake_episodes)
            .where(intake_episodes.c.id == id_)
            .values(last_heard_at=start - timedelta(days=61))
        )
    assert (await source.hear(make_alert("a", start)))["changed"] == 1
    await source.await_outage(id_, lifecycle="declared")


async def test_what_an_older_request_resolves_late_is_reopened(
    api: httpx.AsyncClient, database: Database
) -> None:
    """The end came from a request in flight; its episode, which is open again, is due once more."""
    source = await make_source_client(api)
    start, end, later = map(format_minutes_ago, (START, END, LATER))
    later += timedelta(microseconds=123456)
    await source.hear(make_alert("a", start, end))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="disputable")
    async with database.transaction() as connection:
        known = await episodes.lock(connection, id_)
        again = known.change(EpisodeStatus.OPEN, ended_at=None)
        await episodes.save_all(connection, [(again, None)])
    # The conclusion of who had asked for the end.
    await conclude_episode(database, known, Concluded(), datetime.now(UTC))
    await source.await_outage(id_, lifecycle="declared")
    await source.hear(make_alert("a", start, later))
    outage = await source.await_outage(id_, lifecycle="disputable")
    assert parse(outage["resolved_at"]) == later
    async with database.transaction() as connection:
        known = await episodes.lock(connection, id_)
        changed = replace(known, version=known.version + 1)
        await episodes.save_all(connection, [(changed, later)])

    async def is_concluded() -> bool:
        async with database.autocommit() as connection:
            due = sa.select(intake_episodes.c.due_at).where(intake_episodes.c.id == id_)
            return await connection.scalar(due) is None

    await wait_until(is_concluded, "the episode is not due any more")
    assert (await api.get(f"/outages/{id_}")).json()["lifecycle"] == "disputable"


async def test_what_the_rules_of_outages_refuse_waits_in_quarantine(
    api: httpx.AsyncClient,
) -> None:
    mapping = {"site": {"label": "site"}, "severity": {"default": "low"}}
    source = await make_source_client(
        api, mapping=mapping | {"agreement": {"default": "no-such-agreement"}}
    )
    await source.hear(make_alert("a", format_minutes_ago(START)))
    id_ = (await source.find_episode())["id"]
    waiting = await source.await_episode(id_, status="quarantined")
    assert waiting["reason_code"] == "refused"
    assert "no-such-agreement" in waiting["reason"]
    assert (await api.get(f"/outages/{id_}")).status_code == 404


async def test_an_end_that_a_person_gave_by_the_outage_stays(api: httpx.AsyncClient) -> None:
    """Who resolves the outage itself is not overruled by the end that its alert tells later."""
    source, start, end = await make_source_client(api), *map(format_minutes_ago, (START, END))
    await source.hear(make_alert("a", start))
    id_ = (await source.find_episode())["id"]
    await source.await_outage(id_, lifecycle="declared")
    given = {"resolved_at": format_minutes_ago(LATER).isoformat()}
    assert (await api.post(f"/outages/{id_}/resolve", json=given)).status_code == 200
    await source.hear(make_alert("a", start, end))
    await source.await_episode(id_, status="ended")
    outage = await source.await_outage(id_, lifecycle="disputable")
    assert parse(outage["resolved_at"]) == parse(given["resolved_at"])
