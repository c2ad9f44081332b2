"""Read the transfers of our treasuries from the chain, and compare the journal with them."""

import logging
import time
from collections.abc import Sequence

from temporalio import activity

from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from domain.accounting.breaks import Break
from domain.accounting.reconciliation import Comparison, ReconciliationRun, find_start
from domain.errors import ChainMismatch, ChainUnavailable
from domain.networks import ChainReading
from services.accounting.reconciliation.advance_treasury import advance_treasury
from services.accounting.reconciliation.compare_chain import CompareChain, compare_chain
from services.accounting.reconciliation.confirm_own_bytes import confirm_own_bytes
from services.accounting.reconciliation.read_cursor import read_cursor
from services.accounting.reconciliation.read_unconfirmed import read_unconfirmed
from services.accounting.reconciliation.store_page import store_page
from services.settlement.networks.save_network import save_network
from workflows.reconciliation import ReconciliationActivities

log = logging.getLogger(__name__)
# After a long absence several runs catch up, so that each compares what it has read.
PAGES_MAX = 20
# A slow node does not delay the comparison: the next run reads on.
READ_FOR_SECONDS = 15.0


class ReconciliationActivitiesImpl(ReconciliationActivities):
    def __init__(
        self,
        database: Database,
        history: TreasuryHistory,
        *,
        stops: bool = True,
    ) -> None:
        """`stops` lets money that nothing explains open the circuit breaker."""
        self.database = database
        self.history = history
        self.stops = stops

    @activity.defn
    async def read_chain(self, run: ReconciliationRun) -> int:
        await self._verify_network()
        return (await read_transfers(self.database, self.history)).ledger

    async def _verify_network(self) -> None:
        """Check that the chain is the one on record, and record what was seen of it."""
        async with self.database.autocommit() as connection:
            known = await networks.get_state(connection, self.history.identity.passphrase)
        await save_network(self.database, await self.history.verify_network(known))

    @activity.defn
    async def compare_journal(self, run: ReconciliationRun) -> Comparison:
        if confirmed := await self._confirm_own_bytes(run):
            log.warning("confirmed what the chain has shown for long: %s", ", ".join(confirmed))
        compared = await compare_chain(self.database, CompareChain(run, self.stops))
        _alarm(compared.new)
        return compared.comparison

    async def _confirm_own_bytes(self, run: ReconciliationRun) -> list[str]:
        """Confirm what more than the one node shows that it was read from."""
        found = [
            each
            for each in await read_unconfirmed(self.database)
            if await self.history.is_corroborated(
                each.transaction.transaction_hash, each.transaction.ledger
            )
        ]
        return await confirm_own_bytes(self.database, found, run)


async def read_transfers(database: Database, history: TreasuryHistory) -> ChainReading:
    """
    Read the transfers of the treasuries on from where anybody stopped, for a while.

    Several processes may do so at the same time: each stores the same rows, and the cursor never goes
    back. A treasury that was named later is read up to there beside them, and then with them. Raises
    ChainUnavailable while no node answers, ChainMismatch for another network's nodes.
    """
    extent = await history.get_extent()
    cursor = await read_cursor(database, history.treasuries)
    read, network = cursor.ledger, history.identity.passphrase
    if cursor.passphrase not in (None, network):
        raise ChainMismatch(
            f"the transfers read are of network {cursor.passphrase!r}, not {network!r}; check STELLAR_RPC_URL"
        )
    begin = find_start(read, cursor.first_posted, extent)
    if begin.gap is not None and not extent.all_heard:
        # Ledgers are given up only when nobody has them.
        raise ChainUnavailable(
            "an RPC node that does not answer may have history the others have dropped; it is asked again"
        )
    count, end = 0, time.monotonic() + READ_FOR_SECONDS
    if begin.ledger <= extent.latest:  # or nothing is new, or a node lags
        async for page in history.read_pages(begin.ledger, cursor.joined):
            if not await store_page(database, network, begin, page, cursor.joined):
                break
            read, count = max(page.ledger, read or 0), count + 1
            # Several questions may be needed for one step.
            if page.ledger >= begin.ledger and (count >= PAGES_MAX or time.monotonic() > end):
                break
    joined = {*cursor.joined}
    for address, ledger in cursor.waiting.items():
        first = max(ledger + 1, extent.oldest)
        if first <= extent.latest and await _read_treasury(database, history, address, first):
            joined.add(address)
    return ChainReading(read or 0, extent.latest, treasuries=frozenset(joined))


async def _read_treasury(
    database: Database, history: TreasuryHistory, address: str, first_ledger: int
) -> bool:
    """Read a treasury that waits on, for a while; True once it has joined. A failure lets none of the others wait."""
    count, end, joined = 0, time.monotonic() + READ_FOR_SECONDS, False
    try:
        async for page in history.read_pages(first_ledger, [address]):
            joined = await advance_treasury(database, address, page)
            count += 1
            if joined or count >= PAGES_MAX or time.monotonic() > end:
                break
    except ChainUnavailable as error:
        log.warning("treasury %s is not read yet: %s", address, error)
    return joined


def _alarm(new: Sequence[Break]) -> None:
    """Log each break once, for people to act on."""
    for each in new:
        urgency = "look now" if each.halts else "look today"
        log.warning("break %s (%s, %s): %s", each.id, each.kind, urgency, each.detail)
