"""
An out-of-band payment on the whole product: the engine does not make it as well, and a
person matches it manually. The chain's own history is the proof.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.postgres.accounting import invariants, payment_traces
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access.browser import add_person
from tests.testkit.accounting.break_factory import TreasuryIntruder
from tests.testkit.api_client import wait_for_lifecycle, wait_until
from tests.testkit.console.page_browser import PageBrowser
from tests.testkit.settlement.approval_client import (
    CIRCUIT_BREAKER,
    approve_payment,
    count_transfers,
    declare_resolved_outage,
    wait_for_payment,
)
from tests.testkit.settlement.payment_factory import open_rail

ABOVE_THE_CAP = 15 + 52
ABOVE_APPROVAL = 15 + 13
ATTENTION = "/console/attention"
NONE = {"note": "it was this payment", "adjustment": "none"}
SUSPENSE = {"note": "it was something else", "adjustment": "suspense"}


@pytest.fixture
async def intruder(limited: Stack) -> AsyncIterator[TreasuryIntruder]:
    rail = open_rail(limited)
    yield TreasuryIntruder(limited, rail)
    await rail.close()


@pytest.fixture
async def pages(limited: Stack, people: dict[str, httpx.AsyncClient]) -> AsyncIterator[PageBrowser]:
    """A browser in which an admin has logged in, at what needs a person."""
    scratch = Database(limited.environment["DATABASE_URL"], connections_max=1)
    person = await add_person(scratch, Role.ADMIN)
    await scratch.close()
    async with PageBrowser(limited.url) as browser:
        await browser.log_in(person, ATTENTION)
        yield browser


async def list_losses(admin: httpx.AsyncClient) -> list[str]:
    listed = await admin.get("/reconciliation/breaks", params={"in_suspense": True})
    return [each["id"] for each in listed.json()["items"]]


async def wait_for_break(admin: httpx.AsyncClient, payment: dict[str, Any]) -> dict[str, Any]:
    """Wait until reconciliation has found the out-of-band transfer, and close the circuit breaker."""

    async def found() -> dict[str, Any] | None:
        listed = (await admin.get("/reconciliation/breaks", params={"status": "open"})).json()
        return next((each for each in listed["items"] if each["payment_id"] == payment["id"]), None)

    seen = await wait_until(found, "the out-of-band transfer is found", 60)
    closing = {"action": "close", "reason": "it was sent out of band, on purpose"}
    (await admin.post(CIRCUIT_BREAKER, json=closing)).raise_for_status()
    return seen


async def list_violations(stack: Stack) -> list[str]:
    scratch = Database(stack.environment["DATABASE_URL"], connections_max=1)
    async with scratch.transaction() as connection:
        found = await invariants.check(connection)
    await scratch.close()
    return [f"{each.invariant}: {each.detail}" for each in found if not each.overdue]


async def describe_standing(stack: Stack, payment_id: str) -> str:
    scratch = Database(stack.environment["DATABASE_URL"], connections_max=1)
    async with scratch.autocommit() as connection:
        trace = await payment_traces.load_trace(connection, payment_id)
    await scratch.close()
    return trace.standing


async def list_matchers(client: httpx.AsyncClient, outage_id: str) -> list[str]:
    timeline = (await client.get(f"/outages/{outage_id}/timeline")).json()["items"]
    return [each["actor"] for each in timeline if each["step"] == "payment.matched_manually"]


async def match_on_page(pages: PageBrowser, payment: dict[str, Any], hash_: str) -> None:
    """Match a transfer at its break, where its hash is known; another one is refused at the payment."""
    page = await pages.open(f"/console/outages/{payment['outage_id']}")
    assert page.find_form("/match").fields["transaction_hash"] == ""
    await pages.submit("/match", transaction_hash="0" * 64, note="ticket 7")
    assert pages.status == 422
    form = (await pages.open(ATTENTION)).find_form(f"{payment['id']}/match")
    assert form.fields["transaction_hash"] == hash_
    page = await pages.send(form, note="ticket 7")
    assert page.done == "The transfer is matched: it is the payment."


async def test_an_out_of_band_payment_is_matched_manually_and_its_outage_closes(
    limited: Stack,
    people: dict[str, httpx.AsyncClient],
    intruder: TreasuryIntruder,
    pages: PageBrowser,
) -> None:
    admin = people["admin"]
    outage_id = await declare_resolved_outage(people["kim"], ABOVE_THE_CAP)
    payment = await wait_for_payment(admin, outage_id, "on_hold")
    assert payment["status_reason"].endswith("or settle it outside of the engine")
    hash_ = await intruder.send(int(payment["number"]), int(payment["amount_stroops"]))
    seen = await wait_for_break(admin, payment)

    manual_match, body = f"/payments/{payment['id']}/manual-match", {"note": "ticket 7"}
    early = await admin.post(f"/reconciliation/breaks/{seen['id']}/close", json=NONE)
    assert early.status_code == 409
    assert f"payment {payment['id']} is not paid: match this transfer" in early.json()["detail"]
    by_finance = await people["ada"].post(manual_match, json=body | {"transaction_hash": hash_})
    assert by_finance.status_code == 403
    other = await admin.post(manual_match, json=body | {"transaction_hash": "0" * 64})
    assert other.status_code == 422
    assert (await admin.get(manual_match)).json() is None

    await match_on_page(pages, payment, hash_)
    matched = await admin.get(manual_match)
    who = matched.json()["matched_by"]
    await wait_for_lifecycle(admin, outage_id, "closed", 20)
    again = await admin.post(manual_match, json=body | {"transaction_hash": hash_})
    assert again.json() == matched.json() == (await admin.get(manual_match)).json()

    assert (await count_transfers(limited))[payment["number"]] == 1
    assert (await wait_for_payment(admin, outage_id, "confirmed"))["transaction_hash"] == hash_
    assert await describe_standing(limited, payment["id"]) == (
        f"Paid: 5200 USDC reached {payment['to_address']} in ledger {matched.json()['ledger']}, "
        f"by transaction {hash_}, which was made out of band and matched by {who}."
    )
    assert await list_matchers(admin, outage_id) == [who]
    path = f"/reconciliation/breaks/{seen['id']}/close"
    assert (await admin.post(path, json=NONE)).status_code == 200
    assert await list_violations(limited) == []


async def test_an_out_of_band_transfer_of_another_amount_is_not_matched(
    limited: Stack,
    people: dict[str, httpx.AsyncClient],
    intruder: TreasuryIntruder,
    pages: PageBrowser,
) -> None:
    admin = people["admin"]
    outage_id = await declare_resolved_outage(people["kim"], ABOVE_APPROVAL)
    payment = await wait_for_payment(admin, outage_id, "on_hold")
    hash_ = await intruder.send(int(payment["number"]), int(payment["amount_stroops"]) - 1)
    seen = await wait_for_break(admin, payment)
    for name in ("ada", "bob"):
        assert (await approve_payment(people[name], payment["id"])).status_code == 201

    # Every limit admits it, and it stays blocked: it may have been paid.
    stopped = await wait_for_payment(admin, outage_id, "blocked")
    assert stopped["status_reason"].startswith(f"transaction {hash_} carries its number")
    assert (await count_transfers(limited))[payment["number"]] == 1
    refused = await admin.post(
        f"/payments/{payment['id']}/manual-match",
        json={"transaction_hash": hash_, "note": "nearly"},
    )
    assert refused.status_code == 422
    assert "its amount is 1299.9999999 and not 1300" in refused.json()["detail"]

    closed = await admin.post(f"/reconciliation/breaks/{seen['id']}/close", json=SUSPENSE)
    assert closed.status_code == 200, closed.text
    await wait_for_lifecycle(admin, outage_id, "closed", 60)
    assert (await count_transfers(limited))[payment["number"]] == 2
    # The loss waits in suspense for somebody to say what became of it.
    assert seen["id"] in await list_losses(admin)
    await pages.open(ATTENTION)
    outcome = f"{seen['id']}/resolution"
    page = await pages.submit(outcome, outcome="written_off", note="the payee keeps it")
    assert page.done == "What became of the money is on record."
    assert outcome not in pages.text
    assert seen["id"] not in await list_losses(admin)
    assert await list_violations(limited) == []
    # Two transfers bear one number, which stops all until a person has looked, as it should.
    assert (await wait_for_break(admin, payment))["kind"] == "duplicate"
