"""A database of its own for schedules, and what was met over all of them."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import uvloop

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from domain.accounting.integrity_checks import Violation
from domain.sla.agreements.agreements import Agreement
from tests.simulation.world import BENEFICIARY, BOND, POOL, PROVIDER
from tests.testkit.stacks import create_scratch_database


@dataclass
class ScratchDatabase:
    """A database of its own, and what was met over all schedules."""

    database: Database
    loop: asyncio.Runner
    # For copies of the first; empty until there is one.
    second: Database
    met: Counter[str] = field(default_factory=Counter)
    schedules: Iterator[int] = field(default_factory=count)

    def describe_met(self) -> str:
        return ", ".join(f"{what} {times}" for what, times in sorted(self.met.items()))


@contextmanager
def make_scratch_database(server_url: str) -> Iterator[ScratchDatabase]:
    """Make a database beside another, at the newest migration; it is dropped in the end."""
    with (
        create_scratch_database(server_url) as url,
        create_scratch_database(server_url) as second_url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        database = Database(url, connections_max=4)
        second = Database(second_url, connections_max=4)
        parties = (BOND, POOL, PROVIDER, BENEFICIARY)
        try:
            runner.run(_agree(database, *(party.public_key for party in parties)))
            yield ScratchDatabase(database, runner, second)
        finally:
            runner.run(database.close())
            runner.run(second.close())


async def find_violations(database: Database) -> list[Violation]:
    """Return every violation in the journal after all that was played."""
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    return [violation for violation in found if not violation.overdue]


async def _agree(database: Database, *parties: str) -> None:
    async with database.transaction() as connection:
        await add_agreement(connection, Agreement("default", *parties))
