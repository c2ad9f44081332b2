"""What is answered to sources: 200 once all of it is on record, and never 429 or a redirect."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx
import pytest
import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.tables import intake_sources
from tests.domain.sla.intake.test_formats import make_event, make_incident, make_notification
from tests.testkit.sla.alert_factory import make_alert, make_alert_message
from tests.testkit.sla.source_client import format_minutes_ago, make_source_client

SECRET = "secret-of-a-webhook-0001"


async def test_the_same_bytes_twice_do_nothing_twice_and_stay_as_evidence(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api)
    content = json.dumps(make_alert_message(make_alert("a", format_minutes_ago(5)))).encode()
    content += b" \n"
    headers = {"content-type": "application/json"}
    first = (await source.send(content, headers=headers)).json()
    assert (first["repeated"], first["alerts"], first["changed"]) == (False, 1, 1)
    again = (await source.send(content, headers=headers)).json()
    assert (again["message_id"], again["repeated"], again["changed"]) == (
        first["message_id"],
        True,
        0,
    )
    kept = (await api.get(f"/intake/messages/{first['message_id']}")).json()
    assert kept["content"].encode() == content
    assert (kept["times"], kept["digest"]) == (2, hashlib.sha256(content).hexdigest())
    (episode,) = await source.list_episodes()
    assert episode["message_id"] == first["message_id"]


async def test_who_has_no_token_is_refused_however_often_and_never_asked_to_slow_down(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api)
    right, message = source.token, make_alert_message(make_alert("a", format_minutes_ago(5)))
    for number in range(70):
        source.token = f"axs_wrong-{number}"
        assert (await source.send(message)).status_code == 401
    for token in ("none", right + "x"):
        source.token = token
        assert (await source.send(message)).status_code == 401
    source.token = right
    for name in ("nobody", f"{source.name}x"):
        stranger = await make_source_client(api)
        stranger.name = name
        assert (await stranger.send(message)).status_code == 401
    source.kind = "zabbix"
    assert (await source.send(make_notification("1"))).status_code == 401
    assert await source.list_episodes() == []


async def test_a_slash_at_the_end_is_no_redirect(api: httpx.AsyncClient) -> None:
    """Alertmanager would follow it without the body, and take the answer for a yes."""
    source = await make_source_client(api)
    source.name += "/"
    answer = await source.send(make_alert_message(make_alert("a", format_minutes_ago(5))))
    assert (answer.status_code, answer.json()["changed"]) == (200, 1)


async def test_an_overloaded_database_is_503(api: httpx.AsyncClient, database: Database) -> None:
    source = await make_source_client(api)
    async with database.transaction() as connection:
        await connection.execute(
            sa.select(intake_sources).where(intake_sources.c.name == source.name).with_for_update()
        )
        answer = await source.send(make_alert_message(make_alert("a", format_minutes_ago(5))))
    assert answer.status_code == 503
    assert await source.list_episodes() == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": "3"}', b'{"a": 1, "a": 2}'])
async def test_what_is_no_message_changes_nothing(api: httpx.AsyncClient, content: bytes) -> None:
    source = await make_source_client(api)
    headers = {"content-type": "application/json"}
    assert (await source.send(content, headers=headers)).status_code == 422
    listed = await api.get("/intake/messages", params={"source": source.name})
    assert listed.json() == []


async def test_a_body_has_a_bound(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api)
    assert (await source.send(b" " * 1_100_000)).status_code == 413


async def test_pagerduty_is_known_by_its_signature_over_the_raw_bytes(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api, "pagerduty", signing_secret=SECRET)
    event = make_event("incident.triggered", created_at=format_minutes_ago(5).isoformat())
    event["event"]["data"]["service"]["summary"] = "Mail-Ärger"
    content = json.dumps(event, ensure_ascii=False, indent=1).encode()
    signature = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    for header in ("", f"v1={'0' * 64}"):
        refused = await source.send(content, headers={"X-PagerDuty-Signature": header})
        assert refused.status_code == 401
    header = f"v1={'0' * 64},v1={signature}"
    taken = await source.send(content, headers={"X-PagerDuty-Signature": header})
    assert (taken.status_code, taken.json()["changed"]) == (200, 1)
    assert (await source.find_episode())["labels"]["service"] == "Mail-Ärger"


async def test_statuspage_has_its_token_in_the_address(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "statuspage")
    incident = make_incident("investigating", created_at=format_minutes_ago(5).isoformat())
    assert (await source.send(incident)).status_code == 401
    taken = await source.send(incident, params={"token": source.token})
    assert (taken.status_code, taken.json()["alerts"]) == (200, 1)


async def test_zabbix_is_read_in_the_zone_of_its_source(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "zabbix", time_zone="Asia/Tokyo")
    assert (await source.send(make_notification("1"))).status_code == 200
    episode = await source.find_episode()
    began = datetime.fromisoformat(episode["began_at"])
    assert began == datetime(2026, 11, 29, 2, tzinfo=UTC)
    assert episode["tzdata"] is not None
