"""What keeps money from moving is read from the tables, each with since when."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.troubles import Trouble
from domain.networks import NetworkState
from domain.reasons import Reason, ReasonCode
from domain.settlement.payments import BlockPaymentInput
from services.accounting.readiness.read_troubles import read_troubles
from services.accounting.recovery.record_sweep import record_sweep
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt
from services.settlement.payments.stop_payment import stop_payment
from tests.testkit.settlement.chain_receipts import EXPIRED, sign_something
from tests.testkit.settlement.out_of_band import store_channels
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A database in which a worker has reported and the chain was read a moment ago."""
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        now = datetime.now(UTC)
        await record_sweep(database, now, 0)
        async with database.transaction() as connection:
            await networks.save_state(connection, NetworkState("Its own", 27, 7, now))
            await networks.save_monitored_at(connection, "Its own", now)
            await connection.execute(
                text(
                    "INSERT INTO reconciliation_runs (at, ledger, matched, matched_stroops,"
                    " new_breaks, open_breaks) VALUES (now(), 7, 0, 0, 0, 0)"
                )
            )
        yield database


async def _run(database: Database, *statements: str) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _read_only_one(database: Database) -> Trouble:
    (found,) = await read_troubles(database)
    return found


async def test_nothing_is_wrong_where_nothing_is(scratch: Database) -> None:
    assert await read_troubles(scratch) == []


async def test_a_worker_that_is_silent_and_a_chain_that_is_unread_are_reported(
    scratch: Database,
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with scratch.transaction() as connection:
        await networks.save_monitored_at(connection, "Its own", long_ago)
    found = await _read_only_one(scratch)
    assert (found.code, found.since) == ("settlement_worker_silent", long_ago)
    await _run(
        scratch,
        "UPDATE networks SET monitored_at = now()",
        "UPDATE reconciliation_runs SET at = at - interval '1 hour'",
    )
    found = await _read_only_one(scratch)
    assert found.code == "chain_unread"
    assert found.since is not None
    assert found.since < datetime.now(UTC) - timedelta(minutes=59)
    await _run(scratch, "DELETE FROM reconciliation_runs", "DELETE FROM networks")
    never = {(each.code.value, each.since) for each in await read_troubles(scratch)}
    assert never == {("chain_unread", None), ("settlement_worker_silent", None)}


async def test_an_open_circuit_breaker_is_reported_with_its_reason(scratch: Database) -> None:
    await switch_halt(scratch, SwitchHalt.by_engine("somebody else signs", "test", AT))
    found = await _read_only_one(scratch)
    assert (found.code, found.since) == ("circuit_breaker_open", AT)
    assert found.sentence == "the circuit breaker is open: somebody else signs"


async def test_blocked_payments_are_counted_since_the_first(scratch: Database) -> None:
    for days in (1, 0):
        payment = await owe_payment(scratch)
        reason = Reason(ReasonCode.PAYEE_MISSING, "the payee does not exist")
        blocking = BlockPaymentInput(payment, reason, AT + timedelta(days=days))
        await stop_payment(scratch, blocking)
    found = await _read_only_one(scratch)
    assert (found.code, found.count, found.since) == ("payments_blocked", 2, AT)
    assert found.sentence == "2 payments are blocked: payee_missing"


async def test_payments_that_no_ledger_takes_are_counted_since_they_were_begun(
    scratch: Database, rail: Rail
) -> None:
    await store_channels(scratch, rail)
    payment = await owe_payment(scratch)
    await sign_something(scratch, rail, payment)
    await _run(scratch, "UPDATE attempts SET opened_at = now() - interval '9 minutes'")
    assert await read_troubles(scratch) == []
    await _run(scratch, "UPDATE attempts SET opened_at = now() - interval '11 minutes'")
    found = await _read_only_one(scratch)
    assert (found.code, found.count) == ("payments_delayed", 1)
    assert found.since is not None
    # One that waits for somebody says so itself.
    reason = Reason(ReasonCode.PAYEE_MISSING, "the payee does not exist")
    dead = BlockPaymentInput(payment, reason, AT, dead_after=EXPIRED.max_ledger)
    assert await stop_payment(scratch, dead)
    assert (await _read_only_one(scratch)).code == "payments_blocked"


async def test_a_database_that_takes_no_writes_is_reported_first(scratch: Database) -> None:
    name = scratch.url.database
    await _run(scratch, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    again = Database(scratch.url.render_as_string(hide_password=False), connections_max=1)
    try:
        assert (await _read_only_one(again)).code == "database_read_only"
    finally:
        await again.close()


async def test_a_disk_that_takes_no_more_is_reported(scratch: Database) -> None:
    """The limit of temporary files stands for the disk: what does not fit is refused by both."""
    name = scratch.url.database
    await _run(scratch, f'ALTER DATABASE "{name}" SET temp_file_limit = 0')
    again = Database(scratch.url.render_as_string(hide_password=False), connections_max=1)
    try:
        found = await _read_only_one(again)
        assert found.code == "writes_failing"
        assert "temporary file size exceeds" in found.sentence
    finally:
        await again.close()


async def test_what_is_in_flight_is_counted_once_nothing_has_compared_it_for_a_while(
    scratch: Database,
) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    await record_sweep(scratch, long_ago, 0)
    await owe_payment(scratch)
    await _age(scratch, 59)
    assert await read_troubles(scratch) == [], "what began a moment ago may still be on its way"
    await _age(scratch, 61)
    found = await _read_only_one(scratch)
    assert (found.code, found.count, found.since) == ("workflows_missing", 2, long_ago)
    assert "1 outages, 1 of them disputed, and 1 payments are in flight" in found.sentence
    await record_sweep(scratch, datetime.now(UTC), 0)
    assert await read_troubles(scratch) == []


async def _age(database: Database, seconds: int) -> None:
    """Let the outage, disputed meanwhile, and its payment be so old."""
    age = f"now() - interval '{seconds} s'"
    await _run(
        database,
        "SET LOCAL session_replication_role = replica",
        f"UPDATE outages SET declared_at = {age}, status = 'disputed'",
        f"UPDATE payments SET created_at = {age}",
    )


async def test_what_no_workflow_takes_up_is_reported_with_since_when(scratch: Database) -> None:
    first, later = datetime.now(UTC) - timedelta(seconds=30), datetime.now(UTC)
    await record_sweep(scratch, first, 3)
    await record_sweep(scratch, later, 2)
    found = await _read_only_one(scratch)
    assert (found.code, found.count, found.since) == ("workflows_missing", 2, first)
    await record_sweep(scratch, later, 0)
    assert await read_troubles(scratch) == []
