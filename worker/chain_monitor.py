"""
Monitors the network for the settlement worker: its identity and newest ledger, the channel
accounts, and whether fees and payments can be paid.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from activities.networks import ChainReadings
from activities.settlement.channels import ChannelClaim
from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.postgres.durability import read_durability
from adapters.postgres.sla.agreements import treasuries
from adapters.stellar.accounts import assets
from adapters.stellar.accounts.channels import ChannelAccounts
from adapters.stellar.rail import Rail
from domain.accounting.troubles import Trouble, TroubleCode
from domain.errors import ChainUnavailable, TryAgain
from domain.money import format_amount
from domain.networks import NetworkState
from domain.reasons import Reason, ReasonCode
from domain.settlement.channels import find_missing
from services.settlement.networks.mark_monitored import mark_monitored
from services.settlement.networks.report_network import (
    ReportNetwork,
    report_network,
)
from services.settlement.networks.save_network import save_network
from worker.channel_monitor import ChannelMonitor

log = logging.getLogger(__name__)
AGAIN_SECONDS = 2.0
CHECK_SECONDS = 5.0
# A problem is logged again once in so many rounds, for as long as it lasts.
REPORT_EVERY = 6
# The fee account must be able to pay so many transactions at the fee cap.
FEES_FOR = 20


def _read_clock() -> datetime:
    return datetime.now(UTC)


class ChainMonitor:
    """`drift` is by how much this machine's clock, `now`, may differ from the ledgers' without an alarm."""

    def __init__(
        self,
        database: Database,
        rail: Rail,
        accounts: ChannelAccounts,
        drift: timedelta = timedelta(seconds=30),
        now: Callable[[], datetime] = _read_clock,
    ) -> None:
        self.database = database
        self.rail = rail
        self.accounts = accounts
        self.unproven: list[Trouble] = []
        self.drift = drift
        self.now = now
        self.channels = ChannelMonitor(database, rail)

    async def begin(self) -> dict[str, int]:
        """
        Return the sequence of each channel account, once the network is known to be the right one.

        Repeated until the network answers: a worker may start before its nodes do. A sequence on which
        the nodes do not agree is left out, and saved by a later check.
        """
        async with self.database.autocommit() as connection:
            known = await networks.get_state(connection, self.rail.passphrase)
        while True:
            try:
                standing = await self.rail.identity.establish(known)
                agreed = (await self.rail.read_channels(agreed=True)).sequences
                existing = (await self.rail.read_channels()).sequences
                await self._report(standing, list(agreed | existing))
            except ChainUnavailable as error:
                log.warning("%s; asking again in %g seconds", error, AGAIN_SECONDS)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            return agreed

    async def run(
        self, hold: Callable[[Reason | None], None], readings: ChainReadings, claim: ChannelClaim
    ) -> None:
        """
        Check database, network and claim, and read its transfers, every few seconds, for as long as the worker runs; `hold` is told
        what lets nothing be signed, and None when nothing is in the way any more.
        """
        rounds, forgetful, reported = 0, False, self._list_doubts()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            rounds += 1
            try:
                await readings.read()
                loss = await self._check_commits()
                code = ReasonCode.COMMITS_NOT_DURABLE
                hold(None if loss is None else Reason(code, loss.sentence))
                changed = self._notice_unproven(await claim.find_trouble(), readings.describe())
                changed = changed or (loss is not None) != forgetful
                forgetful = loss is not None
                await mark_monitored(self.database, self.rail.passphrase, datetime.now(UTC))
                standing = await self.rail.identity.recheck()
                if standing is None:
                    continue
                await save_network(self.database, standing)
                existing = await self.channels.look(self.now())
                if changed or self._list_doubts() != reported or rounds % REPORT_EVERY == 0:
                    reported = self._list_doubts()
                    await self._report(standing, existing)
            except TryAgain as error:
                log.warning("%s", error)
            except Exception:
                # A defect must not end it: nobody else would notice what stops payments.
                log.exception("the network could not be checked; again in %g s", CHECK_SECONDS)

    def _find_differences(self) -> list[Trouble]:
        """Return what is wrong with the clock and the channels' sequences, as last seen."""
        clock = self._check_clock()
        return [*([clock] if clock else []), *self.channels.problems]

    def _list_doubts(self) -> list[tuple[str, str]]:
        return [(each.code, each.subject) for each in self._find_differences()]

    def _check_clock(self) -> Trouble | None:
        """Return by how much this machine's clock differs from the ledgers' time, if by much."""
        by_ledgers = self.rail.nodes.clock.get_watched_time()
        if by_ledgers is None or abs(self.now() - by_ledgers) <= self.drift:
            return None
        way = "behind" if self.now() < by_ledgers else "ahead of"
        seconds = round(abs(self.now() - by_ledgers).total_seconds(), -1)
        return Trouble(
            TroubleCode.CLOCK_DIFFERS,
            f"the clock of this machine is {seconds:.0f} seconds {way} the time at which ledgers close; "
            "set it by NTP",
        )

    async def _report(self, standing: NetworkState, existing: list[str]) -> None:
        """
        Log and record what is missing. The worker goes on: with too few channels it is slower, and
        if it can pay nobody, it still observes what was sent before.
        """
        owed, unheld = await self._find_treasuries()
        report = await assets.read_treasuries(self.rail.nodes, self.rail.asset, owed)
        seen = [
            await self._check_commits(),
            *self.unproven,
            self._check_channels(existing),
            await self._check_fees(),
            await self._check_frozen([*existing, *owed]),
            *report.found,
            *unheld,
            *self._find_differences(),
        ]
        found = [trouble for trouble in seen if trouble is not None]
        for trouble in found:
            log.error("ALARM: %s", trouble)
        signable = [*self.rail.keys.treasuries]
        await report_network(
            self.database,
            ReportNetwork(standing, found, datetime.now(UTC), report.balances, signable),
        )

    async def _find_treasuries(self) -> tuple[dict[str, int], list[Trouble]]:
        """Return what each treasury in use owes without a signature, and those whose seed this worker does not have."""
        async with self.database.autocommit() as connection:
            known = await treasuries.list_records(connection, datetime.now(UTC))
        keys = self.rail.keys
        owed = dict.fromkeys(keys.default_treasuries, 0)
        owed |= {each.address: each.unsigned_stroops for each in known if each.is_used}
        return owed, [
            Trouble(TroubleCode.TREASURY_KEY_MISSING, keys.describe_unheld(each), each)
            for each in owed
            if each not in keys.treasuries
        ]

    def _notice_unproven(self, unclaimed: str, unread: str) -> bool:
        """Remember what stops every signature; true when one of them begins or ends."""
        sentences = {TroubleCode.CLAIM_UNCONFIRMED: unclaimed, TroubleCode.CHAIN_UNREAD: unread}
        found = [Trouble(code, sentence) for code, sentence in sentences.items() if sentence]
        if self.unproven and not found:
            log.warning(
                "the claim and the transfers are read on the chain again, and settlement goes on"
            )
        before, self.unproven = self.unproven, found
        return [each.code for each in found] != [each.code for each in before]

    async def _check_commits(self) -> Trouble | None:
        """Return how PostgreSQL may forget a commit, as a new session sees it now."""
        loss = (await read_durability(self.database)).loss
        return Trouble(TroubleCode.COMMITS_NOT_DURABLE, loss) if loss else None

    def _check_channels(self, existing: list[str]) -> Trouble | None:
        wanted = list(self.rail.keys.channels)
        absent = find_missing(wanted, existing)
        if not absent:
            return None
        sentence = (
            f"{len(absent)} of {len(wanted)} channel accounts do not exist ({absent[0]} ...); "
            "create them with: apexchainx channels create"
        )
        return Trouble(TroubleCode.CHANNELS_MISSING, sentence, count=len(absent))

    async def _check_fees(self) -> Trouble | None:
        """Return what is wrong with the account that pays fees."""
        address = self.rail.keys.fees.public_key
        found = (await self.accounts.read_states([address])).get(address)
        if found is None:
            sentence = f"the fee account {address} does not exist: nothing can be sent"
            return Trouble(TroubleCode.FEES_MISSING, sentence)
        wanted = FEES_FOR * self.rail.fee_cap_stroops
        missing = wanted - found.balance_stroops
        if missing <= 0:
            return None
        sentence = (
            f"the fee account {address} holds {format_amount(found.balance_stroops)} XLM; "
            f"give it {format_amount(wanted)} at least"
        )
        return Trouble(TroubleCode.FEES_SHORT, sentence, missing_stroops=missing)

    async def _check_frozen(self, ours: list[str]) -> Trouble | None:
        """Return which of our accounts the validators have frozen."""
        keys = self.rail.keys
        everybody = [keys.fees.public_key, keys.operator.public_key, *ours]
        found = await self.rail.frozen_keys.find_frozen(everybody)
        if not found:
            return None
        sentence = f"the network's validators have frozen {', '.join(found)}, of ours"
        return Trouble(TroubleCode.ACCOUNT_FROZEN, sentence, count=len(found))
