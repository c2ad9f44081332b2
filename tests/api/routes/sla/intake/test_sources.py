"""Sources: their tokens are shown once, replaced with an overlap, and silence is not health."""

from datetime import UTC, datetime

import httpx
import pytest
import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.tables import intake_sources
from tests.testkit.sla.alert_factory import make_alert_message
from tests.testkit.sla.source_client import make_source_client

SECRET = "secret-of-a-webhook-0001"


async def test_a_token_is_shown_once_and_kept_as_a_digest(
    api: httpx.AsyncClient, database: Database
) -> None:
    source = await make_source_client(api)
    shown = (await api.get("/intake/sources", params={"page_size": 200})).text
    assert source.name in shown
    assert source.token not in shown
    async with database.autocommit() as connection:
        rows = await connection.execute(
            sa.select(intake_sources).where(intake_sources.c.name == source.name)
        )
        kept = str(rows.mappings().one())
    assert source.token not in kept
    trail = await api.get("/audit", params={"subject": f"source/{source.name}"})
    assert source.token not in trail.text
    assert [each["action"] for each in trail.json()["items"]] == ["source.created"]


async def test_a_secret_of_pagerduty_is_kept_encrypted(
    api: httpx.AsyncClient, database: Database
) -> None:
    source = await make_source_client(api, "pagerduty", signing_secret=SECRET)
    assert source.token == ""
    async with database.autocommit() as connection:
        sealed = await connection.scalar(
            sa.select(intake_sources.c.sealed).where(intake_sources.c.name == source.name)
        )
    assert sealed
    assert SECRET.encode() not in sealed
    lacking = {"name": f"{source.name}-2", "kind": "pagerduty"}
    refused = await api.post("/intake/sources", json=lacking)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "signing_secret")
    replaced = await api.post(
        f"/intake/sources/{source.name}/secrets", json={"signing_secret": SECRET[::-1]}
    )
    # There is no overlap: PagerDuty signs with both while it replaces one.
    assert datetime.fromisoformat(replaced.json()["previous_until"]) <= datetime.now(UTC)


async def test_another_token_leaves_the_old_one_its_overlap(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    old, path = source.token, f"/intake/sources/{source.name}/secrets"
    source.token = (await api.post(path, json={})).json()["token"]
    for token in (source.token, old):
        source.token = token
        assert (await source.send(make_alert_message())).status_code == 200
    newest = (await api.post(path, json={"overlap_hours": 0})).json()["token"]
    assert (await source.send(make_alert_message())).status_code == 401
    source.token = newest
    assert (await source.send(make_alert_message())).status_code == 200


async def test_a_source_is_changed_and_listened_to_no_more(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    path = f"/intake/sources/{source.name}"
    changed = await api.patch(path, json={"time_zone": "Europe/Berlin", "heartbeat": "Watchdog"})
    assert (changed.json()["time_zone"], changed.json()["heartbeat"]) == (
        "Europe/Berlin",
        "Watchdog",
    )
    assert (await api.delete(path)).status_code == 204
    assert (await source.send(make_alert_message())).status_code == 401
    assert (await api.patch(path, json={"enabled": True})).json()["disabled_at"] is None
    assert (await source.send(make_alert_message())).status_code == 200


async def test_a_source_that_is_silent_shows_that_it_is(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)

    async def show() -> dict[str, object]:
        listed = (await api.get("/intake/sources", params={"page_size": 200})).json()
        (shown,) = [each for each in listed if each["name"] == source.name]
        return dict(shown)

    before = await show()
    assert (before["last_heard_at"], before["is_silent"]) == (None, True)
    await source.hear(truncatedAlerts=3)
    after = await show()
    assert after["last_heard_at"] is not None
    assert (after["is_silent"], after["truncated_alerts"]) == (False, 3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time_zone": "CET"}, "time_zone"),
        ({"time_zone": "Nowhere/Town"}, "time_zone"),
        ({"mapping": {"severity": {"default": "worst"}}}, "mapping.severity"),
        ({"signing_secret": SECRET}, "signing_secret"),
        ({"name": "Not A Name"}, "name"),
    ],
)
async def test_a_source_that_cannot_be_is_refused(
    api: httpx.AsyncClient, changes: dict[str, object], field: str
) -> None:
    body = {"name": "never-made", "kind": "alertmanager"} | changes
    refused = await api.post("/intake/sources", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    listed = (await api.get("/intake/sources", params={"page_size": 200})).json()
    assert "never-made" not in [each["name"] for each in listed]


async def test_a_name_is_given_once(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    again = await api.post("/intake/sources", json={"name": source.name, "kind": "zabbix"})
    assert again.status_code == 409
