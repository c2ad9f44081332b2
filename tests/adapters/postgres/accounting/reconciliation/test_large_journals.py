"""A large journal, many breaks and slow nodes do not keep a comparison from its end."""

from collections.abc import AsyncIterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.accounting.reconciliation import READ_FOR_SECONDS
from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import Extent
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    ReconciliationDriver,
    make_transfer,
)

HASH, PAYEE = "dd" * 32, "GBENEFICIARY"
# More than the parameters of one statement could name.
MANY = 5_100
SUBSCRIBED = text(
    """
    INSERT INTO webhooks (id, url, events)
    VALUES ('whk_x', 'https://example.org', '["reconciliation.break_found"]')
    """
)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A scratch database, whose chain begins with it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def test_thousands_of_new_breaks_are_all_found(scratch: Database) -> None:
    """A treasury's seed is used by an attacker, or a node returns garbage."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    driver.fake_history.transfers += [
        make_transfer(f"{n:064x}"[::-1], 50, None, 1 + n, "GSTRANGER") for n in range(MANY)
    ]
    async with scratch.transaction() as connection:
        await connection.execute(SUBSCRIBED)
    await driver.read_chain()
    first, again = await driver.compare_journal(), await driver.compare_journal()
    due = "SELECT count(*) FROM deliveries WHERE due_at <= now()"
    async with scratch.autocommit() as connection:
        assert await connection.scalar(text(due)) == MANY
    assert (first.new_breaks, first.open_breaks) == (MANY, MANY)
    assert (again.new_breaks, again.open_breaks) == (0, MANY)


async def test_a_slow_node_does_not_delay_the_comparison(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page takes its time; what was read is compared, and the next run reads on."""
    driver, clock = ReconciliationDriver(scratch), count(step=READ_FOR_SECONDS * 0.4)
    passing = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("activities.accounting.reconciliation.time", passing)
    driver.fake_history.known_extent, driver.fake_history.ledgers_a_page = Extent(1, 100), 10
    driver.fake_history.transfers.append(make_transfer(HASH, 5, None, 7, "GSTRANGER"))
    assert await driver.read_chain() == 30
    assert (await driver.compare_journal()).new_breaks == 1
    assert await driver.read_chain() == 60


async def test_the_lookup_of_a_transfer_uses_an_index(scratch: Database) -> None:
    """A scan of all envelopes for each transfer would never end in time."""
    asked = reconciliation.SUSPECTS.text
    scope = {"first_ledger": 1, "ledger": 100, "closed_at": None}
    async with scratch.transaction() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalars(text(f"EXPLAIN {asked}"), scope)
        assert "Seq Scan on envelopes" not in "\n".join(plan)


async def test_comparing_a_large_journal_has_a_longer_statement_timeout(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The join reads everything, so it grows with the journal; no other statement may take as long."""
    limits, driver = [], ReconciliationDriver(scratch)
    suspects = reconciliation.list_suspects

    async def asked(connection: AsyncConnection, *scope: Any) -> Any:
        limits.append(await connection.scalar(text("SHOW statement_timeout")))
        return await suspects(connection, *scope)

    monkeypatch.setattr(reconciliation, "list_suspects", asked)
    await driver.read_chain()
    await driver.compare_journal()
    async with scratch.autocommit() as connection:
        limits.append(await connection.scalar(text("SHOW statement_timeout")))
    assert limits == ["5min", "15s"]
