"""What needs a person is on one page, with what they may do about it beside it; done, it is gone from there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.postgres.accounting import breaks
from adapters.postgres.database import Database
from domain.access.permissions import Role
from domain.accounting.breaks import Break, BreakKind
from tests.api.console.conftest import OpenPages
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.console.page_browser import PageBrowser
from tests.testkit.sla.alert_factory import make_alert
from tests.testkit.sla.source_client import format_minutes_ago, make_source_client
from tests.testkit.webhook_receiver import WebhookReceiver

PATH = "/console/attention"


@pytest.fixture
async def settling(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """The stack that all tests share settles again afterwards."""
    yield
    said = {"action": "close", "reason": "the test is over"}
    await api.post("/payments/circuit-breaker", json=said)


async def test_an_end_that_is_not_known_is_given_by_a_person(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    source, start = await make_source_client(api), format_minutes_ago(40)
    await source.hear(make_alert("a", start), make_alert("b", start))
    await source.hear(make_alert("b", start))
    (asked,) = await source.list_episodes(status="end_unknown")
    await source.await_outage(asked["id"], lifecycle="declared")
    browser = await pages(Role.OPERATOR, PATH)
    page = await browser.submit(f"{asked['id']}/end", ended_at=f"{start:%Y-%m-%dT%H:%M:%S}")
    assert browser.status == 422
    assert any("Ended at" in each for each in page.problems)
    end = format_minutes_ago(20)
    page = await browser.submit(
        f"{asked['id']}/end", ended_at=f"{end:%Y-%m-%dT%H:%M:%S}", note="by phone"
    )
    assert page.done.startswith("The end is on record")
    assert asked["id"] not in browser.text
    outage = await source.await_outage(asked["id"], lifecycle="disputable")
    assert datetime.fromisoformat(outage["resolved_at"]) == end
    # What is decided is not decided again, and the page says so.
    csrf = page.find_form("/logout").fields["csrf_token"]
    said = {"csrf_token": csrf, "ended_at": f"{end:%Y-%m-%dT%H:%M:%S}", "back": PATH}
    again = await browser.client.post(f"/console/episodes/{asked['id']}/end", data=said)
    assert again.status_code == 409


async def test_alerts_and_notices_in_quarantine_are_released_or_dismissed(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    source = await make_source_client(api)
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    await source.hear(make_alert("a", long_ago), make_alert("c", long_ago))
    first, second = await source.list_episodes(status="quarantined")
    carrier = await make_source_client(api, "maintnote")
    doubtful = await carrier.send(b"this is no calendar")
    assert doubtful.status_code == 200, doubtful.text
    message_id = doubtful.json()["message_id"]
    browser = await pages(Role.OPERATOR, PATH)
    start, end = format_minutes_ago(40), format_minutes_ago(10)
    form = browser.page.find_form(f"{first['id']}/release")
    times = {"began_at": f"{start:%Y-%m-%dT%H:%M:%S}", "ended_at": f"{end:%Y-%m-%dT%H:%M:%S}"}
    for _ in range(2):  # by going back, and sending it once more
        page = await browser.send(form, **times)
        assert page.done == "It is released from quarantine."
    await source.await_outage(first["id"], lifecycle="disputable")
    form = browser.page.find_form(f"{second['id']}/dismiss")
    said = form.fields | {"reason": "a drill"}
    clicks = (browser.client.post(form.action, data=said) for _ in range(2))
    assert [each.status_code for each in await asyncio.gather(*clicks)] == [303, 303]
    await browser.open(PATH)
    page = await browser.submit(f"{message_id}/dismiss", reason="asked them")
    assert page.done == "It is dismissed."
    for id_ in (first["id"], second["id"], message_id):
        assert id_ not in browser.text


async def test_a_break_gets_an_owner_and_is_closed(
    pages: OpenPages, api: httpx.AsyncClient, database: Database
) -> None:
    subject = make_unique_id("transaction")
    found = Break(BreakKind.UNEXPECTED_OUTFLOW, subject, f"nobody knows {subject}")
    async with database.transaction() as connection:
        await breaks.save(connection, [found], datetime.now(UTC))
    operator = await pages(Role.OPERATOR, PATH)
    page = await operator.submit(f"{found.id}/owner", owner="team-7")
    assert page.done == "Its owner is on record."
    assert page.find_form(f"{found.id}/owner").fields["owner"] == "team-7"
    assert not [form for form in page.forms if form.action.endswith(f"{found.id}/close")]
    admin = await pages(Role.ADMIN, PATH)
    page = await admin.submit(f"{found.id}/close", adjustment="none", note="")
    assert admin.status == 422
    page = await admin.submit(f"{found.id}/close", adjustment="none", note="a test")
    assert page.done == "The break is closed."
    assert subject not in admin.text
    closed = (await api.get(f"/reconciliation/breaks/{found.id}")).json()
    assert (closed["status"], closed["owner"], closed["note"]) == ("closed", "team-7", "a test")


async def test_the_circuit_breaker_is_opened_and_closed_and_what_it_stops_is_tried_again(
    pages: OpenPages, api: httpx.AsyncClient, settling: None
) -> None:
    admin = await pages(Role.ADMIN, PATH)
    page = await admin.submit("/circuit-breaker", reason="something is odd")
    assert page.done == "The circuit breaker is switched."
    assert "It is open" in " ".join(page.words.split())
    await admin.open("/console")
    assert "Nothing new is settled" in admin.page.words
    outage_id = await declare_outage(api, policy=AT_ONCE)
    await resolve_outage(api, outage_id)

    async def look() -> str | None:
        found = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        return str(found[0]["id"]) if found and found[0]["state"] == "on_hold" else None

    payment_id = await wait_until(look, "it is on hold")
    operator = await pages(Role.OPERATOR, PATH)
    assert "circuit breaker open" in operator.page.words
    page = await operator.submit(f"{payment_id}/retry")
    assert page.done == "It is tried again now."
    assert operator.path == f"{PATH}?done=retried"
    await admin.open(PATH)
    page = await admin.submit("/circuit-breaker", reason="it was nothing")
    assert page.done == "The circuit breaker is switched."
    await wait_for_lifecycle(api, outage_id, "closed")
    page = await admin.open(f"/console/outages/{outage_id}")
    assert "confirmed" in page.words


async def find_failed(api: httpx.AsyncClient, webhook_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        path = f"/webhooks/{webhook_id}/deliveries"
        found = (await api.get(path, params={"status": "failed"})).json()
        return found[0] if found else None

    return await wait_until(look, "a delivery has failed")


async def test_a_disabled_webhook_is_enabled_and_its_failed_delivery_sent_again(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    async with WebhookReceiver() as receiver:
        receiver.answers = [410]
        body = {"url": receiver.url, "events": ["outage.created"]}
        webhook_id = (await api.post("/webhooks", json=body)).json()["id"]
        outage_id = await declare_outage(api)
        failed = await find_failed(api, webhook_id)
        admin = await pages(Role.ADMIN, PATH)
        assert "it answered 410 Gone" in admin.page.words
        page = await admin.submit(f"{failed['id']}/retry")
        assert admin.status == 409
        assert "is not active: activate it first" in page.refusal
        page = await admin.submit(f"{webhook_id}/activate")
        assert page.done.startswith("The webhook is active again")
        page = await admin.open(f"/console/outages/{outage_id}")
        assert "webhook.failed" in page.words
        page = await admin.submit(f"{failed['id']}/retry")
        assert (page.done, admin.path) == (
            "It is tried again now.",
            f"/console/outages/{outage_id}?done=retried",
        )

        async def look() -> bool | None:
            path = f"/webhooks/{webhook_id}/deliveries/{failed['id']}"
            return (await api.get(path)).json()["status"] == "success" or None

        await wait_until(look, "it is delivered")
        assert len(receiver.received) >= 2
        await api.delete(f"/webhooks/{webhook_id}")


async def test_disputes_to_decide_are_decided_where_they_stand(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    said = {"outage_id": outage_id, "reason": "the clock was wrong"}
    dispute = (await api.post("/sla/disputes", json=said)).json()
    finance = await pages(Role.FINANCE, "/console")
    assert "Disputes to decide" in finance.page.words
    await finance.open(PATH)
    page = await finance.submit(f"{dispute['id']}/decide", action="reject", resolution_note="no")
    assert (page.done, finance.path) == ("The dispute is as you said.", f"{PATH}?done=decided")
    assert dispute["id"] not in finance.text
    assert (await api.get(f"/sla/disputes/{dispute['id']}")).json()["status"] == "rejected"


async def test_the_sources_say_when_they_were_last_heard(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    silent, heard = await make_source_client(api), await make_source_client(api)
    await heard.hear(make_alert("a", format_minutes_ago(5)))
    viewer: PageBrowser = await pages(Role.VIEWER, "/console/sources")
    words = viewer.page.words
    assert "Silence is not health" in words
    assert words.index(silent.name) > 0
    rows = {
        name: viewer.text.split(name)[1].split("</tr>")[0] for name in (silent.name, heard.name)
    }
    assert "never" in rows[silent.name]
    assert "ago" in rows[heard.name]
    assert viewer.page.list_actions() == set()
