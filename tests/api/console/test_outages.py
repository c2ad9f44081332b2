"""An outage from its declaration to its payment, by people whose browsers run no script."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx

from domain.access.permissions import Role
from tests.api.console.conftest import OpenPages
from tests.testkit.api_client import (
    declare_outage,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
)
from tests.testkit.console.page_browser import PageBrowser

EVIL = "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>"
MINUTES_25, BEFORE = "2026-01-31T12:25", "2026-01-31T11:00"


async def list_steps(api: httpx.AsyncClient, outage_id: str) -> list[tuple[str, str]]:
    items = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    return [(each["step"], each["actor"]) for each in items if each["entry_id"]]


def get_email(browser: PageBrowser) -> str:
    found = re.search(r"(\S+@example\.com) \(", browser.page.words)
    assert found
    return found[1]


async def test_an_operator_corrects_resolves_reopens_and_cancels(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api, site_name="Tower 7")
    browser = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    assert browser.page.list_actions() == {"resolve", "amend", "cancel"}
    assert "waits for the repair" in browser.page.words
    page = await browser.submit(
        "/amend", assigned_to="team-7", description="Power is off", severity="high"
    )
    assert (browser.status, page.done) == (200, "The outage is corrected.")
    shown = (await api.get(f"/outages/{outage_id}")).json()
    assert (shown["assigned_to"], shown["severity"]) == ("team-7", "high")
    assert page.find_form("/amend").fields["assigned_to"] == "team-7"
    page = await browser.submit("/amend", assigned_to="")
    assert (await api.get(f"/outages/{outage_id}")).json()["assigned_to"] is None
    page = await browser.submit("/resolve", resolved_at=MINUTES_25, root_cause="a fuse")
    assert page.done.startswith("The outage is resolved")
    assert "met, reward" in page.words
    assert "750 USDC" in page.words
    assert "waits for the end of the dispute window" in page.words
    page = await browser.submit("/reopen", reason="it was down again")
    assert page.done.startswith("The verdict is taken back")
    page = await browser.submit("/cancel", reason="a drill")
    assert (page.done, page.list_actions()) == ("The outage is cancelled.", set())
    steps = await list_steps(api, outage_id)
    assert [step for step, _ in steps] == [
        *("outage.declared", "outage.amended", "outage.amended", "outage.judged"),
        *("outage.reopened", "outage.cancelled"),
    ]
    assert {actor for _, actor in steps[1:]} == {get_email(browser)}


async def test_a_refusal_stands_beside_its_field_in_the_words_of_the_api(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    browser = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    for field, typed, body in (
        ("resolved_at", BEFORE, {"resolved_at": f"{BEFORE}:00Z"}),
        ("mttr_minutes", "-5", {"mttr_minutes": -5}),
        ("resolved_at", "soon", {"resolved_at": "soon"}),
    ):
        api_says = (await api.post(f"/outages/{outage_id}/resolve", json=body)).json()
        page = await browser.submit("/resolve", root_cause="a fuse", **{field: typed})
        assert (browser.status, page.refusal) == (422, api_says["detail"])
        (error,) = api_says["errors"]
        assert error["field"] == field
        assert any(each.endswith(error["message"]) for each in page.problems), page.problems
        form = page.find_form("/resolve")
        assert (form.fields[field], form.fields["root_cause"]) == (typed, "a fuse")
        assert 'aria-invalid="true"' in browser.text
        await browser.open(f"/console/outages/{outage_id}")
    page = await browser.submit("/cancel", reason="   ")
    assert browser.status == 422
    assert "reason" in page.refusal
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "declared"


async def test_what_has_changed_since_the_page_was_read_is_not_changed(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    first = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    second = await pages(Role.ADMIN, f"/console/outages/{outage_id}")
    await first.submit("/amend", description="seen by the first")
    page = await second.submit("/amend", description="seen by the second")
    assert second.status == 412
    assert "has changed" in page.refusal
    assert (await api.get(f"/outages/{outage_id}")).json()["description"] == "seen by the first"
    await second.submit("/amend", description="seen by both")
    assert second.status == 200
    assert (await api.get(f"/outages/{outage_id}")).json()["description"] == "seen by both"


async def test_a_form_that_is_sent_twice_is_carried_out_once(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    browser = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    form = browser.page.find_form("/resolve")
    for _ in range(2):
        page = await browser.send(form, resolved_at=MINUTES_25)
        assert page.done.startswith("The outage is resolved")
    form = browser.page.find_form("/disputes")
    for _ in range(2):
        page = await browser.send(form, reason="it was repaired sooner")
        assert page.done.startswith("The dispute is filed")
    steps = [step for step, _ in await list_steps(api, outage_id)]
    assert steps == ["outage.declared", "outage.judged", "dispute.filed"]


async def test_a_dispute_is_filed_taken_up_decided_and_paid(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    path = f"/console/outages/{outage_id}"
    operator = await pages(Role.OPERATOR, path)
    await operator.submit("/disputes", reason=f"It was 20 minutes. {EVIL}")
    assert EVIL not in operator.text
    assert {"withdraw", "decide"} <= operator.page.list_actions()
    page = await operator.submit("/decide", action="reject")
    assert operator.status == 403
    assert "ask another person" in page.refusal
    finance = await pages(Role.FINANCE, path)
    assert "waits for the decision of a dispute" in finance.page.words
    await finance.submit("/decide", action="review")
    assert "under review" in finance.page.words
    page = await finance.submit("/decide", action="reject", mttr_minutes=20)
    assert finance.status == 422
    assert "only when the dispute is upheld" in page.refusal
    page = await finance.submit(
        "/decide", action="resolve", mttr_minutes="20", resolution_note="the log says so"
    )
    assert page.done == "The dispute is as you said."
    closed = await wait_for_lifecycle(api, outage_id, "closed")
    assert closed["sla_status"]["mttr_minutes"] == 20
    page = await finance.open(path)
    (payment,) = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
    assert payment["transaction_hash"] in page.words
    assert "500 USDC" in page.words
    assert "the log says so" in page.words


async def test_a_claimant_withdraws_nothing_but_their_own_and_an_operator_theirs(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    operator = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    await operator.submit("/disputes", reason="wrong minutes")
    other = await pages(Role.OPERATOR, f"/console/outages/{outage_id}")
    assert "withdraw" not in other.page.list_actions()
    page = await operator.submit("/withdraw", note="found the log")
    assert page.done == "The dispute is withdrawn."


async def test_an_admin_voids_what_is_owed_wrongly(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    admin = await pages(Role.ADMIN, f"/console/outages/{outage_id}")
    page = await admin.submit("/void", reason="the tower is not ours")
    assert page.done.startswith("The debt is voided")
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "voided"


async def test_what_others_wrote_is_shown_as_text_wherever_it_stands(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    """The parser of these tests refuses a script, a handler and an address of somewhere else."""
    began, ended = (datetime.now(UTC) - timedelta(minutes=each) for each in (50, 20))
    said: dict[str, str] = {"detected_at": began.isoformat(), "description": EVIL}
    outage_id = await declare_outage(api, site_name=EVIL[:100], **said)
    said = {"resolved_at": ended.isoformat(), "root_cause": EVIL, "resolution_notes": EVIL}
    assert (await api.post(f"/outages/{outage_id}/resolve", json=said)).status_code == 200
    browser = await pages(Role.ADMIN)
    there = urlencode({"site": EVIL[:100]})
    for path in ("/console", f"/console/outages?{there}", f"/console/outages/{outage_id}"):
        await browser.open(path)
        assert "<script>" not in browser.text
        assert "<img" not in browser.text
        # The overview shows the newest alone, and others declare theirs meanwhile.
        assert path == "/console" or "<script>alert(1)</script>" in browser.page.words
    notes = browser.page.find_form("/amend").fields["resolution_notes"]
    assert notes == EVIL


async def test_lists_are_filtered_and_read_on_by_a_cursor(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    site = f"Mast {(await declare_outage(api)).lower()}"
    ids = [await declare_outage(api, site_name=site, severity="low") for _ in range(26)]
    browser = await pages(Role.VIEWER, "/console/outages")
    form = next(each for each in browser.page.forms if each.method == "get")
    page = await browser.send(form, site=site, severity="low")
    assert browser.status == 200
    assert "26 outages, 25 shown" in page.words
    (more,) = [each for each in page.links if "cursor=" in each]
    seen = set(re.findall(r'href="/console/outages/([^"]+)"', browser.text))
    page = await browser.open(f"/console/outages{more}")
    seen |= set(re.findall(r'href="/console/outages/([^"]+)"', browser.text))
    assert seen == set(ids)
    assert "First page" in page.words
    assert [each for each in page.links if "cursor=" in each] == []
    page = await browser.send(form, search="there is no such text")
    assert "No outage is as asked for." in page.words


async def test_a_payment_is_shown_with_its_transaction_and_its_trail(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    settled = await settle_outage(api)
    browser = await pages(Role.AUDITOR, f"/console/outages/{settled['id']}")
    assert settled["payment"]["transaction_hash"] in browser.page.words
    assert "penalty of 1,000 USDC: confirmed" in browser.page.headings
    assert "payment.confirmed" in browser.page.words
    trail = (await api.get(f"/outages/{settled['id']}/timeline")).json()["items"]
    for each in trail:
        assert each["leaf_hash"] is None or each["leaf_hash"] in browser.page.words
