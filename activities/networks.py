"""How far the settlement worker has read the transfers on the chain: nothing is signed before it is enough."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from activities.accounting.reconciliation import read_transfers
from adapters.postgres import installation
from adapters.postgres.accounting import breaks
from adapters.postgres.database import Database
from adapters.postgres.recovery import restorations
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from domain.errors import ApexError
from domain.networks import ChainReading, ReadingBound

log = logging.getLogger(__name__)
# A payment that finds the chain unread waits so long for it, and asks for it so often.
PATIENCE_SECONDS = 3.0
PAUSE_SECONDS = 2.0
AGAIN_SECONDS = 0.3


def _now() -> datetime:
    return datetime.now(UTC)


class ChainReadings:
    """
    Reads the transfers of our treasuries on, and remembers how far it came; `find_unread` is a look in
    memory while enough is read. `newest_ledger` is the newest that any node has shown.
    """

    def __init__(
        self,
        database: Database,
        history: TreasuryHistory,
        bound: ReadingBound,
        newest_ledger: Callable[[], int] = lambda: 0,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.database = database
        self.history = history
        self.bound = bound
        self.newest_ledger = newest_ledger
        self.now = now
        self.reading = ChainReading()
        # The database was restored, copied or taken over once: it may have forgotten what was paid, and how.
        self.is_forgetful = False
        self.current_at: datetime | None = None
        # Why the last try failed; empty when it did not.
        self.problem = ""
        self._running: asyncio.Task[None] | None = None
        self._ended_at = -PAUSE_SECONDS

    async def close(self) -> None:
        """Stop a reading that is under way; what it has stored stays."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def find_unread(self) -> str | None:
        """Return what of the chain is not read, after a short try to read it; None when enough is."""
        if self._find() is not None:
            await self._read_patiently()
        return self._find()

    async def find_unread_of(self, treasury: str) -> str | None:
        """Return that the transfers of a treasury, named later than others, are not read as far; None once they are."""
        if treasury not in self.reading.treasuries:
            await self._read_patiently()
        if treasury in self.reading.treasuries:
            return None
        return (
            f"the transfers of treasury {treasury} are not read on the chain yet, and nothing is signed for it "
            "before it is known what it paid"
        )

    async def find_unread_by_now(self) -> str | None:
        """Return that the newest ledger is not read, after a try to read it; None once it is."""
        wanted, end = self.newest_ledger(), time.monotonic() + PATIENCE_SECONDS
        while self.reading.ledger < wanted and time.monotonic() < end:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self.read()
            except TimeoutError:
                break
            if self.reading.ledger < wanted:
                await asyncio.sleep(AGAIN_SECONDS)
        if self.reading.ledger >= wanted:
            return None
        return "the newest ledger is not read yet, and an attempt before may have paid after all"

    def require(self, ledger: int) -> None:
        """Count the chain as unread until it is read past a ledger."""
        self.bound = self.bound.raised_to(ledger)

    async def has_read(self, ledger: int) -> bool:
        """Tell whether every transfer up to a ledger is known, after a short try to read it."""
        if self.reading.ledger < ledger:
            await self._read_patiently()
        return self.reading.ledger >= ledger

    def describe(self) -> str:
        """Return what is wrong, for people who operate the worker; empty when nothing is."""
        unread = self._find()
        if unread is None:
            return ""
        return f"{unread} ({self.problem})" if self.problem else unread

    async def read(self) -> None:
        """Read on, once at a time; a failure is remembered and never raised."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._read())
        await asyncio.shield(self._running)

    def _find(self) -> str | None:
        return self.bound.find_unread(self.reading, self.current_at, self.now())

    async def _read_patiently(self) -> None:
        """Wait a little for a reading, unless one has just ended; it goes on when that is not enough."""
        running = self._running is not None and not self._running.done()
        if not running and time.monotonic() - self._ended_at < PAUSE_SECONDS:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.read()
        except TimeoutError:
            log.warning("the transfers on the chain are not read within %g s", PATIENCE_SECONDS)

    async def _read(self) -> None:
        began = self.now()
        newest = self.newest_ledger()
        try:
            found = await read_transfers(self.database, self.history)
            async with self.database.autocommit() as connection:
                gaps = await breaks.list_unaccepted_gaps(connection)
                required = await installation.get_required_ledger(connection)
                restored_at = await restorations.get_unread(connection)
        except ApexError as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = type(error).__name__  # its text may quote anything
            log.exception("the transfers on the chain cannot be read")
        else:
            self.problem = ""
            self.bound = self.bound.raised_to(required)
            self.is_forgetful = required > 0
            subjects = tuple(gap.subject for gap in gaps)
            latest = max(found.latest, newest)
            self.reading = ChainReading(
                found.ledger, latest, subjects, restored_at, found.treasuries
            )
            if self.reading.is_current:
                self.current_at = began
        finally:
            self._ended_at = time.monotonic()
