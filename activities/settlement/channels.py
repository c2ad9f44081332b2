"""The claim of the channel accounts: written when the worker starts, and looked at for as long as it runs."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

from activities.networks import ChainReadings
from adapters.postgres import installation
from adapters.postgres.database import Database
from adapters.stellar.accounts.claims import ClaimAccount
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChannelsClaimed, Obstructed, TryAgain
from domain.settlement.channels import (
    PROBATION_LEDGERS,
    Claim,
    ClaimKind,
    ClaimTimes,
    ClaimVerdict,
    StandingClaim,
    describe_other,
    judge_claim,
)
from services.settlement.channels.claim_channels import ClaimChannels, claim_channels
from services.settlement.channels.yield_channels import YieldChannels, yield_channels

log = logging.getLogger(__name__)
# A signature waits so long for a look that is late, and looks for it so often.
PATIENCE_SECONDS = 3.0
AGAIN_SECONDS = 0.05
# A start may take so long before it is worth an alarm.
START_SECONDS = 60.0
UNCONFIRMED = "the chain does not confirm yet that the channel accounts are this engine's alone"
TAKEN = (
    "ALARM: another engine has written ledger %d of the claim of these channel accounts; it is a copy of this one, or "
    "this one is: the claim is written again, which stops the other"
)


class ChannelClaim:
    """
    Claims the channels, and says whether the claim stands: nothing is signed when that is not known of late.

    `by` names this process. With `takes_over`, a person says that another engine is to stop.
    """

    def __init__(
        self,
        database: Database,
        account: ClaimAccount,
        readings: ChainReadings,
        times: ClaimTimes,
        by: str,
        *,
        takes_over: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.account = account
        self.readings = readings
        self.times = times
        self.by = by
        self.takes_over = takes_over
        self.now = now
        self.established = asyncio.Event()
        self.confirmed_at: float | None = None
        # Why this engine signs nothing any more; empty while it may.
        self.lost = ""
        self._ours: Claim | None = None
        # What stood when it was last confirmed: while the same stands, nobody else has been there.
        self._confirmed: Claim | None = None
        self._kind = ClaimKind.TAKE_OVER if takes_over else ClaimKind.CLAIM
        # Whether another engine's claim stood when this one started, or a person says that one works.
        self._contested = takes_over
        self._tries = 0
        self._began_at = now()

    async def run(self) -> NoReturn:
        """Claim the channels and look after the claim; raises ChannelsClaimed when another engine has them."""
        while True:
            try:
                await (self._check() if self.established.is_set() else self._establish())
            except (TryAgain, Obstructed) as error:
                log.warning("the claim of the channel accounts: %s", error)
            await asyncio.sleep(self.times.check_seconds)

    async def find_unconfirmed(self) -> str | None:
        """Return why nothing may be signed now, after a short wait for a look that is late; None when it may."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.describe() and not self.lost and time.monotonic() < end:
            await asyncio.sleep(AGAIN_SECONDS)
        return self.describe() or None

    async def find_trouble(self) -> str:
        """Return what is wrong, for people who operate the worker; a start that takes its time is not."""
        starting = not self.established.is_set()
        if starting and not self.lost and self.now() - self._began_at < START_SECONDS:
            return ""
        return await self.find_unconfirmed() or ""

    def describe(self) -> str:
        """Return why nothing may be signed at this moment; empty when it may."""
        if self.lost:
            return self.lost
        if self.confirmed_at is None:
            return UNCONFIRMED
        age = self.now() - self.confirmed_at
        return "" if age <= self.times.fresh_seconds else UNCONFIRMED

    async def _establish(self) -> None:
        """Claim, and wait for as long as another engine would need to object."""
        before = await self.account.read()
        if before.claim is not None and not await self._is_ours(before.claim):
            self._contested = True
            if not self.takes_over and await self._was_refused():
                await self._yield(before)
        began = self.now()
        after = await self._write(self._kind, before)
        if after is None:
            return
        if before.claim is not None or self.takes_over:
            began, after = await self._pass_probation(after)
        if self._contested:
            # The other one may have signed until now, and what it signed may still be applied.
            self.readings.require(after.ledger + LEDGERS_TO_LIVE)
        self._confirm(after, began)
        self.established.set()
        log.info("the channel accounts are claimed in ledger %d", after.ledger)

    async def _pass_probation(self, landed: StandingClaim) -> tuple[float, StandingClaim]:
        """Return when the last look began, and what it showed: a claim that nobody objected to."""
        end = self.now() + self.times.probation_seconds
        while True:
            await asyncio.sleep(self.times.check_seconds / 2)
            began = self.now()
            try:
                standing = await self.account.read()
                verdict = await self._judge(standing, established=self.takes_over)
                if verdict is ClaimVerdict.WRITE:
                    landed = await self._write(self._kind, standing) or landed
                    end = self.now() + self.times.probation_seconds
                    continue
            except (TryAgain, Obstructed) as error:
                log.warning("the claim of the channel accounts: %s", error)
                continue
            if began >= end and standing.ledger >= landed.ledger + PROBATION_LEDGERS:
                return began, standing

    async def _check(self) -> None:
        """Look at the claim that stands, and write it again when somebody came who has not the right to."""
        while True:
            began = self.now()
            standing = await self.account.read()
            if await self._judge(standing, established=True) is ClaimVerdict.OURS:
                if standing.claim != self._confirmed and self._may_have_been_replaced(began):
                    self.readings.require(standing.ledger + LEDGERS_TO_LIVE)
                self._confirm(standing, began)
                return
            log.error(TAKEN, standing.since_ledger)
            self._contested = self._contested or self._may_have_been_replaced(began)
            await self._write(ClaimKind.OBJECTION, standing)

    def _may_have_been_replaced(self, now: float) -> bool:
        """Tell whether another engine can have passed its probation since the claim was last confirmed."""
        return self.confirmed_at is None or now - self.confirmed_at > self.times.probation_seconds

    def _confirm(self, standing: StandingClaim, at: float) -> None:
        self._confirmed, self.confirmed_at = standing.claim, at

    async def _judge(self, standing: StandingClaim, *, established: bool) -> ClaimVerdict:
        """Judge the claim that stands; raises ChannelsClaimed when it is another engine's to have the channels."""
        claim = standing.claim
        known = claim is not None and await self._is_ours(claim)
        verdict = judge_claim(claim, known=known, established=established)
        if verdict is ClaimVerdict.YIELD:
            await self._yield(standing)
        return verdict

    async def _write(self, kind: ClaimKind, over: StandingClaim) -> StandingClaim | None:
        """Write a new claim over one that was read; return what stands then, None when it is not this claim."""
        claim = Claim(secrets.token_bytes(32), kind)
        read_past = over.ledger + LEDGERS_TO_LIVE if self._contested else 0
        await claim_channels(
            self.database, ClaimChannels(claim, self.by, datetime.now(UTC), read_past)
        )
        after = await self.account.write(claim, over, self._tries)
        if after.claim != claim:
            self._tries += 1
            return None
        self._tries, self._ours = 0, claim
        return after

    async def _yield(self, standing: StandingClaim) -> NoReturn:
        self.lost = describe_other(standing, self.account.address)
        try:
            command = YieldChannels(standing, self.lost, self.account.passphrase, datetime.now(UTC))
            await yield_channels(self.database, command)
        except TryAgain as error:
            log.warning("%s", error)
        raise ChannelsClaimed(self.lost)

    async def _is_ours(self, claim: Claim) -> bool:
        """Tell whether a claim is of this database; the last known one without asking it."""
        if claim == self._ours:
            return True
        async with self.database.autocommit() as connection:
            found = await installation.has_claim(connection, claim)
        if found:
            self._ours = claim
        return found

    async def _was_refused(self) -> bool:
        async with self.database.autocommit() as connection:
            return await installation.is_refused(connection)
