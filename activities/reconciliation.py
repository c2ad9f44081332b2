"""Read what the chain says of our treasuries, and hold the book against it."""

import logging
import time
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from adapters.postgres import breakers, breaks, events, networks, reconciliation, webhooks
from adapters.postgres.database import Database, make_room
from adapters.stellar.treasuries import TreasuryHistory
from domain.audit import by_engine, leaf
from domain.breaks import Break
from domain.errors import ChainMismatch, ChainUnavailable
from domain.events import EventType, event
from domain.payments import Treasury
from domain.reconciliation import Comparison, Run, judge, start
from workflows.reconciliation import ReconciliationSteps

log = logging.getLogger(__name__)
# A long absence is made up for in several runs, so that each compares what it has.
PAGES_MAX = 20
# Nor is what is there left waiting for a node that is slow: the next run reads on.
READ_FOR_SECONDS = 15.0


class ReconciliationActivities(ReconciliationSteps):
    def __init__(
        self,
        database: Database,
        history: TreasuryHistory,
        treasuries: Mapping[str, Treasury],
        *,
        stops: bool = True,
    ) -> None:
        """`stops` lets money that nothing explains open the breaker."""
        self.database = database
        self.history = history
        self.treasuries = treasuries
        self.stops = stops

    @activity.defn
    async def read_chain(self, run: Run) -> int:
        await self._survey()
        extent = await self.history.extent()
        async with self.database.transaction() as connection:
            reading = await reconciliation.cursor(connection)
            booked = await reconciliation.first_booked_ledger(connection)
        network = self.history.identity.passphrase
        if reading is not None and reading["passphrase"] not in (None, network):
            raise ChainMismatch(
                f"the transfers read are of network {reading['passphrase']!r}, not {network!r}; check STELLAR_RPC_URL"
            )
        read = None if reading is None else reading["ledger"]
        begin = start(read, booked, extent)
        if begin.gap is not None and not extent.all_heard:
            # Ledgers are given up only when nobody has them.
            raise ChainUnavailable(
                "an RPC node that does not answer may have history the others have dropped; it is asked again"
            )
        if begin.ledger > extent.latest:
            return read or 0  # nothing new, or a node that lags: it is asked again
        count, end = 0, time.monotonic() + READ_FOR_SECONDS
        async for page in self.history.pages(begin.ledger):
            async with self.database.transaction() as connection:
                await reconciliation.keep(connection, network, begin, page)
            read, count = max(page.ledger, read or 0), count + 1
            if count >= PAGES_MAX or time.monotonic() > end:
                break
        return read or 0

    async def _survey(self) -> None:
        """Read no other chain than the book's; what is seen of it, every process may know."""
        async with self.database.autocommit() as connection:
            known = await networks.known(connection, self.history.identity.passphrase)
        standing = await self.history.survey(known)
        async with self.database.autocommit() as connection:
            await networks.remember(connection, standing)

    @activity.defn
    async def compare_books(self, run: Run) -> Comparison:
        async with self.database.transaction() as connection:
            await make_room(connection)
            await breaks.lock(connection)
            reading = await reconciliation.cursor(connection)
            if reading is None:
                return Comparison(0, 0, 0, 0, 0, [])
            payers = await reconciliation.treasuries(connection) | dict(self.treasuries)
            suspects = await reconciliation.suspects(connection, reading, payers)
            judged = [judge(suspect, reading["ledger"]) for suspect in suspects]
            found = [each for each in judged if each is not None]
            found += [gap.as_break() for gap in await reconciliation.gaps(connection)]
            new = await breaks.keep(connection, found, run.at)
            await _tell(connection, new, run)
            if self.stops:
                await _stop(connection, new, run)
            count, stroops = await reconciliation.outflows(connection, reading, payers)
            strange = [each.chain.transfer for each in suspects if each.chain is not None]
            comparison = Comparison(
                reading["ledger"],
                count - len(strange),
                stroops - sum(transfer.amount_stroops for transfer in strange),
                len(new),
                sum((await breaks.open_by_kind(connection)).values()),
                await webhooks.untold(connection),
            )
            await reconciliation.keep_run(connection, run.at, reading, comparison)
        _alarm(new)
        return comparison


async def _tell(connection: AsyncConnection, new: Sequence[Break], run: Run) -> None:
    by = by_engine("reconciliation")
    told = [
        (
            leaf(f"break/{each.id}", "break.found", by, run.at, each.facts()),
            [event(EventType.BREAK_FOUND, None, run.at, each.facts(), each.id)],
        )
        for each in new
    ]
    if told:
        await events.publish_all(connection, told)


async def _stop(connection: AsyncConnection, new: Sequence[Break], run: Run) -> None:
    """
    Open the breaker on money that nothing of ours explains. In the transaction that finds it, for
    it is found only once.
    """
    strange = [each for each in new if each.strange]
    if strange:
        more = f", and {len(strange) - 1} more" if strange[1:] else ""
        reason = f"{strange[0].kind} transfer, see break {strange[0].id}{more}"
        by = by_engine("reconciliation")
        await breakers.switch(connection, by, run.at, reason, to_open=True)


def _alarm(new: Sequence[Break]) -> None:
    """Call for people, once for each break."""
    for each in new:
        urgency = "look now" if each.strange else "look today"
        log.warning("break %s (%s, %s): %s", each.id, each.kind, urgency, each.detail)
