"""
What the database refuses, whoever asks: no test here bypasses its triggers, and each statement is one
that a program or a person with the engine's own rights could send.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.accounting.journal import Entry, make_accrual, make_reversal, make_settlement
from domain.accounting.postings import Posting
from domain.accounting.reconciliation import Extent
from domain.settlement.payments import Payment
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import (
    ReconciliationDriver,
    store_confirmation,
)
from tests.testkit.settlement.payment_factory import owe_payment

HASH = "aa" * 32
BETWEEN_TREASURIES = (Posting("treasury:GBOND", 1), Posting("treasury:GPOOL", -1))


@pytest.fixture(scope="module")
async def paid(stack: Stack) -> AsyncIterator[tuple[Database, Payment]]:
    """A scratch database with one confirmed payment, and all that proves it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        payment = await owe_payment(database)
        await tamper(
            database,
            "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
            " VALUES (:hash, :hash, :id, 1, 'A', 100, 1)",
            hash=HASH,
            id=payment.id,
        )
        await tamper(
            database, "INSERT INTO submissions (hash, status) VALUES (:hash, 'PENDING')", hash=HASH
        )
        await tamper(
            database,
            "INSERT INTO breaks (id, kind, subject, detail, journal_stroops, chain_stroops, found_at,"
            " last_seen_at, status, closed_at, closed_by, note, adjustment)"
            " VALUES ('brk', 'unexpected_outflow', 'x', 'x', 0, 1, now(), now(), 'closed', now(), 'ada', 'x', 'none')",
        )
        await store_confirmation(database, payment, HASH, 7)
        yield database, payment


async def write(database: Database, *statements: str) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    "table",
    [
        *("entries", "postings", "accounts", "envelopes", "submissions", "breaks", "payments"),
        *("balances", "audit_entries", "events", "sla_results", "policies", "chain_transfers"),
    ],
)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_no_row_of_a_protected_table_can_be_deleted(
    paid: tuple[Database, Payment], table: str, statement: str
) -> None:
    with pytest.raises(IntegrityError, match="never changed"):
        await write(paid[0], statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments SET transaction_hash = 'x'",
        "UPDATE payments SET status = 'pending', transaction_hash = NULL, confirmed_at = NULL",
        "UPDATE payments SET ledger = 9",
        "UPDATE payments SET amount_stroops = 1",
        "UPDATE payments SET to_address = 'GTHIEF'",
        "UPDATE envelopes SET hash = 'x'",
        "UPDATE submissions SET detail = 'x'",
        "UPDATE breaks SET status = 'open', closed_at = NULL, closed_by = NULL, adjustment = NULL",
        "UPDATE breaks SET closed_by = 'bob'",
    ],
)
async def test_the_proof_of_a_payment_cannot_be_changed(
    paid: tuple[Database, Payment], statement: str
) -> None:
    with pytest.raises(IntegrityError, match=r"never changed|stays as it was closed"):
        await write(paid[0], statement)


@pytest.mark.parametrize(
    "change",
    [
        "amount_stroops = amount_stroops - 1",
        "to_address = 'GTHIEF', status = 'prepared'",
        "to_address = 'GTHIEF', payer = 'bond'",
    ],
)
async def test_what_a_posted_debt_moves_cannot_be_changed(
    paid: tuple[Database, Payment], change: str
) -> None:
    """Before anything was signed, when no entry would yet refuse it; its address alone may follow the payee."""
    owed = await owe_payment(paid[0], minutes=5)
    with pytest.raises(IntegrityError, match="never changed"):
        await write(paid[0], f"UPDATE payments SET {change} WHERE id = '{owed.id}'")


async def test_a_payment_that_bytes_may_pay_keeps_its_payee_and_a_voided_one_everything(
    paid: tuple[Database, Payment],
) -> None:
    reserved, voided = await owe_payment(paid[0]), await owe_payment(paid[0])
    await write(
        paid[0],
        "INSERT INTO channels (address, sequence) VALUES ('GGUARD', 1)",
        f"INSERT INTO attempts (payment_id, n, channel, sequence, status) VALUES ('{reserved.id}', 1, 'GGUARD', 2, 'open')",
        "INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops)"
        f" VALUES ('{reserved.id}', 1, '{reserved.id}', {reserved.number}, {reserved.amount_stroops})",
        f"UPDATE payments SET status = 'voided' WHERE id = '{voided.id}'",
    )
    for payment, change in (
        (reserved, "to_address = 'GTHIEF'"),
        (voided, "to_address = 'GTHIEF'"),
        (voided, "status = 'pending'"),
    ):
        with pytest.raises(IntegrityError, match="never changed"):
            await write(paid[0], f"UPDATE payments SET {change} WHERE id = '{payment.id}'")


async def test_temporary_tables_do_not_hide_the_journal_from_its_guards(
    paid: tuple[Database, Payment],
) -> None:
    """A temporary table is found first: a trigger that looks there sees nothing wrong."""
    with pytest.raises(IntegrityError, match="does not balance"):
        await write(
            paid[0],
            "CREATE TEMP TABLE postings (entry_id text, amount_stroops bigint) ON COMMIT DROP",
            "CREATE TEMP TABLE entries (id text, lines int) ON COMMIT DROP",
            "INSERT INTO public.entries (id, kind, currency, lines, slot)"
            " VALUES ('ent_hidden', 'adjustment', 'USDC', 1, 0)",
            "INSERT INTO public.postings VALUES ('ent_hidden', 1, 'treasury:GBOND', 5)",
            "INSERT INTO postings VALUES ('ent_hidden', 0)",
        )


async def test_checking_constraints_early_does_not_skip_the_check_at_commit(
    paid: tuple[Database, Payment],
) -> None:
    with pytest.raises(IntegrityError, match="another number of postings"):
        await write(
            paid[0],
            "INSERT INTO entries (id, kind, currency, lines, slot)"
            " VALUES ('ent_early', 'adjustment', 'USDC', 2, 0)",
            "INSERT INTO postings VALUES ('ent_early', 1, 'a', 5), ('ent_early', 2, 'b', -5)",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "SET CONSTRAINTS ALL DEFERRED",
            "INSERT INTO postings VALUES ('ent_early', 3, 'a', 1), ('ent_early', 4, 'b', -1)",
        )


async def test_a_committed_entry_takes_no_more_postings(
    paid: tuple[Database, Payment],
) -> None:
    entry = make_accrual(paid[1])
    with pytest.raises(IntegrityError, match="another number of postings"):
        await write(
            paid[0],
            f"INSERT INTO postings VALUES ('{entry.id}', 3, 'a', 1), ('{entry.id}', 4, 'b', -1)",
        )


def _reverse_half(entry: Entry) -> Entry:
    debit, credit = entry.postings
    amount = debit.amount_stroops // 2
    postings = (Posting(debit.account, amount), Posting(credit.account, -amount))
    return Entry(entry.id, entry.kind, entry.payment_id, postings, corrects=entry.corrects)


async def test_only_a_whole_reversal_of_the_same_payment_is_accepted(
    paid: tuple[Database, Payment],
) -> None:
    database, payment = paid
    owed, other = await owe_payment(database), await owe_payment(database)
    back = make_reversal(make_accrual(owed))
    settled = make_settlement(payment, HASH)
    wrong = [
        (_reverse_half(back), "is not the opposite of"),
        (Entry(back.id, "reversal", other.id, back.postings, corrects=back.corrects), "another"),
        (Entry("ent_a", "reversal", owed.id, back.postings, corrects="ent_a"), "about itself"),
        (Entry("ent_b", "release", owed.id, back.postings, corrects=back.corrects), "a release of"),
        (
            Entry("ent_d", "correction", payment.id, BETWEEN_TREASURIES, corrects=settled.id),
            "is a correction of a settlement",
        ),
        (
            Entry("ent_c", "correction", owed.id, back.postings, corrects=back.corrects),
            "puts right",
        ),
    ]
    for entry, complaint in wrong:
        with pytest.raises(IntegrityError, match=complaint):
            async with database.transaction() as connection:
                await journal.post_entry(connection, entry)
    async with database.transaction() as connection:
        assert await journal.post_entry(connection, back)


async def test_a_payment_is_settled_once_more_only_after_its_settlement_is_reversed(
    stack: Stack,
) -> None:
    """And is owed again only then; what it moves stays what it was."""
    unpaid = "status = 'pending', transaction_hash = NULL, ledger = NULL, confirmed_at = NULL"
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        payment = await owe_payment(database)
        await store_confirmation(database, payment, HASH, 7)
        settled, again = make_settlement(payment, HASH), make_settlement(payment, "bb" * 32)
        reopened = f"UPDATE payments SET {unpaid} WHERE id = '{payment.id}'"
        second = Entry("ent_s", "settlement", payment.id, BETWEEN_TREASURIES)
        second = replace(second, transaction_hash="cc" * 32)
        with pytest.raises(IntegrityError, match="is settled already"):
            async with database.transaction() as connection:
                await journal.post_entry(connection, second)
        with pytest.raises(IntegrityError, match="never changed"):
            await write(database, reopened)
        async with database.transaction() as connection:
            await journal.post_entry(connection, make_reversal(settled))
        with pytest.raises(IntegrityError, match="never changed"):
            await write(database, reopened.replace("SET", "SET amount_stroops = 1,"))
        await write(database, reopened)
        async with database.transaction() as connection:
            await journal.post_entry(connection, again)


@pytest.fixture(scope="module")
async def gapped(stack: Stack) -> AsyncIterator[Database]:
    """A scratch database that has read some ledgers and has a gap."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        driver = ReconciliationDriver(database)
        for extent in (Extent(5, 100), Extent(200, 300)):
            driver.fake_history.known_extent = extent
            await driver.read_chain()
        yield database


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE chain_transfers CASCADE",
        "TRUNCATE chain_gaps",
        "DELETE FROM chain_gaps",
        "DELETE FROM chain_cursor",
        "UPDATE chain_cursor SET ledger = ledger - 1",
        "UPDATE chain_cursor SET first_ledger = 1",
        "UPDATE chain_gaps SET last_ledger = last_ledger - 1",
    ],
)
async def test_stored_transfers_gaps_and_cursors_cannot_be_changed(
    gapped: Database, statement: str
) -> None:
    """They prove that nothing moved: without them, a payment may be made twice."""
    with pytest.raises(IntegrityError, match="never changed"):
        async with gapped.transaction() as connection:
            await connection.execute(text(statement))
