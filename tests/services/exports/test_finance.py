"""The sums of the finance export are those of the journal, after everything that may happen to a debt."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from activities.sla.disputes import DisputeActivitiesImpl
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.exports.finance_rows import FinanceFilter
from adapters.postgres.sla.agreements.agreements import add_agreement
from adapters.stellar.rail import Rail
from devstack.bench import seed_journal
from devstack.environment.stack import Stack
from domain.accounting.journal import Entry, make_correction, make_reversal
from domain.accounting.postings import Posting
from domain.exports.datasets import Dataset
from domain.exports.periods import parse_period
from domain.money import format_amount
from domain.requests import Request
from domain.sla.agreements.agreements import Agreement
from domain.sla.disputes import DecideDisputeInput, Dispute, DisputeDecision, FileDisputeInput
from domain.sla.outages import VoidDebtInput, VoidRequest
from services.settlement.voids.void_debt import void_debt
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.exports.export_reader import list_rows, read_export
from tests.testkit.settlement.batch_factory import NETTED, form_batch, submit_batch
from tests.testkit.settlement.payment_factory import (
    ASKER,
    NOW,
    judge_outage,
    make_owe_input,
    owe_payment,
)

ADMIN, DECIDER = Request("ada", "corr-void"), Request("dora", "corr-decide")
SETTLED_POSTINGS = 600
LAST_MONTH = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
OTHER = Agreement("other", "GBOND2", "GPOOL2", "GPROVIDER2", "GBENEFICIARY2")
AMOUNTS = ("gross", "adjustments", "net")
# By an independent way: every posting, added up here.
POSTINGS = text(
    """
    SELECT p.account, p.amount_stroops, e.currency, e.payment_id, e.kind,
           coalesce((SELECT o.agreement FROM sla_results r JOIN outages o ON o.id = r.outage_id
                     WHERE r.payment_id = e.payment_id),
                    (SELECT o.agreement FROM payments y JOIN outages o ON o.id = y.outage_id
                     WHERE y.id = e.payment_id), '') AS agreement
    FROM postings p JOIN entries e ON e.id = p.entry_id
    """
)


@pytest.fixture(scope="module")
async def books(stack: Stack) -> AsyncIterator[Database]:
    """A journal of settled, retried and pending payments, and of debts to which everything happened."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await seed_journal.write(database, SETTLED_POSTINGS)
        async with database.transaction() as connection:
            await add_agreement(connection, OTHER)
        for minutes in (25, 40, 5):  # penalties, and a reward
            await owe_payment(database, "FIN", minutes)
        await void_debt(database, make_void((await owe_payment(database)).outage_id), "sandbox")
        early = make_unique_id("FIN-EARLY")
        await judge_outage(database, early, 33)
        await void_debt(database, make_void(early), "sandbox")
        for minutes in (20, 12):  # a smaller penalty, and a reward in its place
            await revise(database, make_unique_id("FIN-REVISED"), minutes)
        await move_to_other_agreement(database, (await owe_payment(database, "FIN", 31)).outage_id)
        await redirect(database, make_unique_id("FIN-MOVED"))
        await write_off(database)
        yield database


def make_void(outage_id: str) -> VoidDebtInput:
    return VoidDebtInput(outage_id, VoidRequest(ADMIN, "another provider's mast"), NOW)


async def revise(database: Database, outage_id: str, minutes: int) -> None:
    """Judge an outage of 45 minutes, and judge it again after a dispute."""
    await judge_outage(database, outage_id, 45)
    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(f"dsp-{outage_id}"[:64], outage_id, "it was sooner", ASKER)
    await activities.file_dispute(FileDisputeInput(dispute, 1, 3600, NOW))
    decision = DisputeDecision(dispute.id, True, DECIDER, "seen in the log", minutes)
    await activities.decide_dispute(DecideDisputeInput(outage_id, dispute.id, decision, NOW))


async def move_to_other_agreement(database: Database, outage_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE outages SET agreement = 'other', agreement_version = 1 WHERE id = :id"),
            {"id": outage_id},
        )


async def redirect(database: Database, outage_id: str) -> None:
    """Judge an outage, and owe it to another account than it was accrued for: reversed and corrected."""
    await judge_outage(database, outage_id, 22)
    owing = await make_owe_input(database, outage_id)
    async with database.transaction() as connection:
        known = await journal.find_accrual(connection, owing.payment.id)
        assert known is not None
        elsewhere = tuple(
            Posting(each.account.replace("payable:", "payable:NEW"), each.amount_stroops)
            for each in known.postings
        )
        await journal.post_entry(
            connection, make_reversal(known), make_correction(known, elsewhere)
        )


async def write_off(database: Database) -> None:
    """Let a break cost something: belonging to no payment, and so to no agreement."""
    lost = 70_000_000
    taken = (Posting("suspense:reconciliation", lost), Posting("treasury:GBOND", -lost))
    given_up = (Posting("expense:reconciliation", lost), Posting("suspense:reconciliation", -lost))
    async with database.transaction() as connection:
        await journal.post_entry(
            connection,
            Entry("ent_fin_adjustment", "adjustment", None, taken),
            Entry("ent_fin_resolution", "resolution", None, given_up),
        )


async def test_net_is_what_the_journal_says_by_agreement_and_currency(books: Database) -> None:
    expected, paid = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    async with books.autocommit() as connection:
        for row in await connection.execute(POSTINGS):
            key = (row.agreement, row.currency)
            if row.account.startswith("expense:"):
                expected[key] += row.amount_stroops
            if row.account.startswith("treasury:") and row.kind == "settlement":
                paid[key] -= row.amount_stroops
        balances = await journal.list_balances(connection)
    net, out = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in await list_rows(books, Dataset.FINANCE):
        net[row["agreement"], row["currency"]] += int(row["net_stroops"])
        out[row["agreement"], row["currency"]] += int(row["paid_stroops"])
        parts = int(row["gross_stroops"]) + int(row["adjustments_stroops"])
        assert parts == int(row["net_stroops"])
        for name in ("gross", "adjustments", "net", "paid"):
            assert row[name] == format_amount(int(row[f"{name}_stroops"]))
    assert +net == +expected
    assert set(net) == {("default", "USDC"), ("other", "USDC"), ("", "USDC")}
    assert +out == +paid
    cost = sum(each.balance_stroops for each in balances if each.account.startswith("expense:"))
    assert net.total() == cost > 0


async def test_each_way_of_a_debt_is_seen_in_its_row(books: Database) -> None:
    rows = await list_rows(books, Dataset.FINANCE)
    unit = 10_000_000

    def find(prefix: str) -> list[tuple[str, int, int, int]]:
        return sorted(
            (row["type"], *(int(row[f"{name}_stroops"]) // unit for name in AMOUNTS))
            for row in rows
            if row["outage_id"].startswith(prefix)
        )

    assert find("FIN-EARLY") == [("penalty", 1800, -1800, 0)]
    assert find("FIN-MOVED") == [("penalty", 700, 0, 700)]
    assert find("FIN-REVISED") == [
        *(("penalty", 500, 0, 500), ("penalty", 3000, -3000, 0), ("penalty", 3000, -3000, 0)),
        ("reward", 750, 0, 750),
    ]
    assert [row["net"] for row in rows if row["type"] == "reconciliation"] == ["7"]
    settled = [row for row in rows if row["transaction_hash"]]
    assert settled
    assert all(row["paid"] == row["net"] and len(row["transaction_hash"]) == 64 for row in settled)


async def test_a_month_that_is_over_never_changes(books: Database) -> None:
    payment = await owe_payment(books, "FIN-CLOSED", 27)
    async with books.transaction() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(
            text("UPDATE entries SET posted_at = :at WHERE payment_id = :id"),
            {"at": LAST_MONTH, "id": payment.id},
        )
    january = FinanceFilter(None, None, *parse_period("2026-01"))
    before = await read_export(books, Dataset.FINANCE, january)
    await void_debt(books, make_void(payment.outage_id), "sandbox")
    assert await read_export(books, Dataset.FINANCE, january) == before
    rows: list[dict[str, Any]] = [
        row for row in await list_rows(books, Dataset.FINANCE) if row["payment_id"] == payment.id
    ]
    assert [(row["gross"], row["adjustments"], row["net"]) for row in rows] == [
        ("1200", "0", "1200"),
        ("0", "-1200", "-1200"),
    ]
    assert rows[0]["period"] == "2026-01" < rows[1]["period"]


async def test_what_was_netted_is_paid_each_by_its_own_amount(
    database: Database, rail: Rail
) -> None:
    owed = [await owe_payment(database, "FIN-NETTED", minutes) for minutes in (25, 26, 27)]
    activities, batch = await form_batch(database, rail, NETTED, *owed)
    await activities.confirm_batch(await submit_batch(activities, batch))
    rows = {row["payment_id"]: row for row in await list_rows(database, Dataset.FINANCE)}
    made = [rows[payment.id] for payment in owed]
    assert [row["paid"] for row in made] == ["1000", "1100", "1200"]
    assert [row["net"] for row in made] == ["1000", "1100", "1200"]
    assert len({row["transaction_hash"] for row in made}) == 1
