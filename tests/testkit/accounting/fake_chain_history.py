"""A chain history that a test fills page by page, and the driver that reads and compares it."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from activities.accounting.reconciliation import ReconciliationActivitiesImpl
from adapters.postgres.accounting import journal as ledger
from adapters.postgres.database import Database
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from domain.accounting.journal import make_settled_entries
from domain.accounting.reconciliation import (
    ChainPage,
    ChainTransfer,
    Comparison,
    Extent,
    ReconciliationRun,
)
from domain.errors import ChainUnavailable
from domain.networks import NetworkState
from domain.settlement.payments import Payment
from tests.testkit.accounting.break_factory import tamper

PAYER = "GBOND"  # as in a scratch database
BEGAN = datetime(2026, 2, 1, tzinfo=UTC)


class FakeChainHistory:
    """Stands in for the nodes: the ledgers and transfers that they remember."""

    def __init__(self, passphrase: str = "a network of this test", latest: int = 1) -> None:
        self.identity = SimpleNamespace(passphrase=passphrase)
        self.known_extent = Extent(1, latest)
        self.treasuries = [PAYER]
        self.transfers: list[ChainTransfer] = []
        self.unavailable = False
        self.closed_at = BEGAN  # the newest ledger
        self.ledgers_a_page = 10**9
        # How many more pages are shown before no node answers; None for ever.
        self.unavailable_after: int | None = None

    async def is_corroborated(self, transaction_hash: str, ledger: int) -> bool:
        return any(each.transaction_hash == transaction_hash for each in self.transfers)

    async def verify_network(self, known: NetworkState | None) -> NetworkState:
        return NetworkState(self.identity.passphrase, 23, self.known_extent.latest, BEGAN)

    async def get_extent(self) -> Extent:
        return self.known_extent

    async def read_pages(
        self, first_ledger: int, treasuries: Sequence[str] = ()
    ) -> AsyncIterator[ChainPage]:
        if self.unavailable:
            raise ChainUnavailable("no RPC node answers")
        latest = self.known_extent.latest
        for start in range(first_ledger, latest + 1, self.ledgers_a_page):
            if self.unavailable_after is not None:
                if self.unavailable_after == 0:
                    raise ChainUnavailable("no RPC node answers any more")
                self.unavailable_after -= 1
            last = min(start + self.ledgers_a_page - 1, latest)
            shown = [
                each
                for each in self.transfers
                if start <= each.ledger <= last
                if not treasuries or {each.from_address, each.to_address} & {*treasuries}
            ]
            yield ChainPage(tuple(shown), last, self.closed_at if last == latest else None)


class ReconciliationDriver:
    """Reads a fake history, and compares the journal with it."""

    def __init__(self, database: Database, fake_history: FakeChainHistory | None = None) -> None:
        self.fake_history = fake_history or FakeChainHistory()
        shown: Any = self.fake_history
        history = cast(TreasuryHistory, shown)
        self.activities = ReconciliationActivitiesImpl(database, history)

    async def read_chain(self) -> int:
        return await self.activities.read_chain(ReconciliationRun(datetime.now(UTC)))

    async def compare_journal(self) -> Comparison:
        return await self.activities.compare_journal(ReconciliationRun(datetime.now(UTC)))


async def store_confirmation(
    database: Database, payment: Payment, hash_: str, ledger_number: int
) -> None:
    """Store a payment as confirmed, with its row and its entries, whoever made it."""
    statement = (
        "UPDATE payments SET status = 'confirmed', transaction_hash = :hash, ledger = :ledger,"
        " confirmed_at = now() WHERE id = :id"
    )
    await tamper(database, statement, id=payment.id, hash=hash_, ledger=ledger_number)
    async with database.transaction() as connection:
        await ledger.post_entries(connection, make_settled_entries(payment, hash_, 1, payment.id))


def make_transfer(
    hash_: str, ledger: int, number: int | None, stroops: int, to: str
) -> ChainTransfer:
    """Make a transfer from the payer; its position is derived from its hash."""
    place = f"{ledger << 32:019d}-{hash_[:10]}"
    return ChainTransfer(place, "transfer", hash_, ledger, BEGAN, PAYER, to, number, stroops)
