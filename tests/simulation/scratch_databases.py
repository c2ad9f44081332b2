"""A database of its own for schedules, and what was met over all of them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import uvloop

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from domain.accounting.integrity_checks import Violation
from domain.sla.agreements.agreements import Agreement
from tests.simulation.world import BENEFICIARY, BOND, POOL, PROVIDER
from tests.testkit.stacks import create_scratch_database


class SomebodyElse:
    """
    Who does something in the middle of what the signer does, which stands still meanwhile: with a thread, an event loop
    and a connection that are kept, since making them takes longer than what is done.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, connections_max=1, repeats=True)
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def run(self, work: Callable[[Database], Coroutine[Any, Any, bool]]) -> bool:
        """Return what became of it."""
        return self._thread.submit(lambda: self._runner.run(work(self._database))).result()

    def close(self) -> None:
        self._thread.submit(lambda: self._runner.run(self._database.close())).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


@dataclass
class ScratchDatabase:
    """A database of its own, and what was met over all schedules."""

    database: Database
    loop: asyncio.Runner
    somebody_else: SomebodyElse
    server_url: str
    cleanup: ExitStack
    met: Counter[str] = field(default_factory=Counter)
    schedules: Iterator[int] = field(default_factory=count)

    @cached_property
    def second(self) -> Database:
        """Another one, for copies of the first, made for whoever asks; empty until there is a copy."""
        url = self.cleanup.enter_context(create_scratch_database(self.server_url))
        second = Database(url, connections_max=4, repeats=True)
        self.cleanup.callback(lambda: self.loop.run(second.close()))
        return second

    def describe_met(self) -> str:
        return ", ".join(f"{what} {times}" for what, times in sorted(self.met.items()))


@contextmanager
def make_scratch_database(server_url: str) -> Iterator[ScratchDatabase]:
    """Make a database beside another, at the newest migration; it is dropped in the end."""
    with (
        create_scratch_database(server_url) as url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ExitStack() as cleanup,
    ):
        database = Database(url, connections_max=4, repeats=True)
        somebody_else = SomebodyElse(url)
        parties = (BOND, POOL, PROVIDER, BENEFICIARY)
        try:
            runner.run(_agree(database, *(party.public_key for party in parties)))
            yield ScratchDatabase(database, runner, somebody_else, server_url, cleanup)
        finally:
            somebody_else.close()
            runner.run(database.close())


async def find_violations(database: Database) -> list[Violation]:
    """Return every violation in the journal after all that was played."""
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    return [violation for violation in found if not violation.overdue]


async def _agree(database: Database, *parties: str) -> None:
    async with database.transaction() as connection:
        await add_agreement(connection, Agreement("default", *parties))
