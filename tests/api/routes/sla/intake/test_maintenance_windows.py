"""Maintenance windows: the newest notice holds, the notice is the evidence, and doubt waits for a person."""

from typing import Any

import httpx

from tests.domain.sla.intake.test_maintenance_notices import CIRCUIT, make_notice
from tests.testkit.sla.source_client import SourceClient, make_source_client

CALENDAR = {"content-type": "text/calendar"}


async def notice(source: SourceClient, content: bytes) -> dict[str, Any]:
    answer = await source.send(content, headers=CALENDAR)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def list_windows(source: SourceClient, **params: str) -> list[dict[str, Any]]:
    answer = await source.api.get(
        "/intake/maintenance-windows", params={"source": source.name} | params
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_the_highest_sequence_holds_whatever_comes_later(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "maintnote")
    for sequence, status in (("2", "CONFIRMED"), ("1", "TENTATIVE")):
        sent = make_notice(SEQUENCE=sequence, X_MAINTNOTE_STATUS=status)
        assert (await notice(source, sent))["problem"] is None
    (window,) = await list_windows(source)
    assert (window["sequence"], window["status"]) == (2, "confirmed")
    await notice(source, make_notice(SEQUENCE="3", method="CANCEL"))
    (window,) = await list_windows(source)
    assert (window["sequence"], window["status"]) == (3, "cancelled")
    assert window["circuits"] == [{"id": "circuit-1", "impact": "OUTAGE"}]
    kept = (await api.get(f"/intake/messages/{window['message_id']}")).json()
    assert kept["content"].encode() == make_notice(SEQUENCE="3", method="CANCEL")


async def test_the_same_notice_twice_is_one(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "maintnote")
    first, again = [await notice(source, make_notice()) for _ in range(2)]
    assert (len(first["windows"]), again["windows"], again["repeated"]) == (1, [], True)
    assert len(await list_windows(source)) == 1


async def test_windows_are_listed_by_time(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "maintnote")
    await notice(source, make_notice())
    inside = {"after": "2026-12-05T03:00:00Z", "before": "2026-12-05T03:30:00Z"}
    assert len(await list_windows(source, **inside)) == 1
    assert await list_windows(source, after="2026-12-05T04:00:00Z") == []


async def test_a_doubtful_notice_is_kept_and_waits_for_a_person(api: httpx.AsyncClient) -> None:
    source = await make_source_client(api, "maintnote")
    doubtful = make_notice("RRULE:FREQ=DAILY;COUNT=3", CIRCUIT)
    answered = await notice(source, doubtful)
    assert "RRULE" in answered["problem"]
    assert await list_windows(source) == []
    waiting = {"source": source.name, "status": "quarantined"}
    (message,) = (await api.get("/intake/messages", params=waiting)).json()
    assert (message["id"], message["problem"]) == (answered["message_id"], answered["problem"])
    kept = (await api.get(f"/intake/messages/{message['id']}")).json()
    assert kept["content"].encode() == doubtful
    dismiss = f"/intake/messages/{message['id']}/dismiss"
    assert (await api.post(dismiss, json={"reason": "asked them"})).status_code == 204
    assert (await api.get("/intake/messages", params=waiting)).json() == []


async def test_two_notices_of_one_sequence_that_differ_are_a_contradiction(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api, "maintnote")
    await notice(source, make_notice())
    moved = await notice(source, make_notice(DTEND="20261205T050000Z"))
    assert "SEQUENCE" in moved["problem"]
    (window,) = await list_windows(source)
    assert window["ends_at"].startswith("2026-12-05T04")
