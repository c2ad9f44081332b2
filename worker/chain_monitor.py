"""
Monitors the network for the settlement worker: its identity and newest ledger, the channel
accounts, and whether fees and payments can be paid.
"""

import asyncio
import logging

from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.stellar.accounts import assets
from adapters.stellar.accounts.channels import ChannelAccounts
from adapters.stellar.rail import Rail
from domain.errors import ChainUnavailable, TryAgain
from domain.money import format_amount
from domain.networks import NetworkState
from domain.settlement.channels import find_missing

log = logging.getLogger(__name__)
AGAIN_SECONDS = 2.0
SURVEY_SECONDS = 5.0
# A problem is logged again once in so many rounds, for as long as it lasts.
REPORT_EVERY = 12
# The fee account must be able to pay so many transactions at the fee cap.
FEES_FOR = 20


class ChainMonitor:
    def __init__(self, database: Database, rail: Rail, accounts: ChannelAccounts) -> None:
        self.database = database
        self.rail = rail
        self.accounts = accounts

    async def begin(self) -> dict[str, int]:
        """
        Return the sequence of each channel account, once the network is known to be the right one.

        Repeated until the network answers: a worker may start before its nodes do.
        """
        async with self.database.autocommit() as connection:
            known = await networks.get_state(connection, self.rail.passphrase)
        while True:
            try:
                standing = await self.rail.identity.establish(known)
                sequences = await self.rail.read_channel_sequences()
                await self._report(standing, list(sequences))
            except ChainUnavailable as error:
                log.warning("%s; asking again in %g seconds", error, AGAIN_SECONDS)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            return sequences

    async def run(self) -> None:
        """Check the network every few seconds, for as long as the worker runs."""
        rounds = 0
        while True:
            await asyncio.sleep(SURVEY_SECONDS)
            rounds += 1
            try:
                standing = await self.rail.identity.recheck()
                if standing is not None:
                    await self._save(standing)
                    if rounds % REPORT_EVERY == 0:
                        await self._report(standing, list(await self.rail.read_channel_sequences()))
            except TryAgain as error:
                log.warning("%s", error)

    async def _report(self, standing: NetworkState, existing: list[str]) -> None:
        """
        Log and record what is missing. The worker goes on: with too few channels it is slower, and
        if it can pay nobody, it still observes what was sent before.
        """
        pairs = self.rail.keys.treasuries.items()
        treasuries = {treasury: pair.public_key for treasury, pair in pairs}
        problems = [
            self._check_channels(existing),
            await self._check_fees(),
            await self._check_frozen([*existing, *treasuries.values()]),
            *await assets.find_obstacles(self.rail.nodes, self.rail.asset, treasuries),
        ]
        found = [problem for problem in problems if problem]
        for problem in found:
            log.error("ALARM: %s", problem)
        await self._save(standing)
        async with self.database.autocommit() as connection:
            await networks.save_trouble(connection, self.rail.passphrase, "; ".join(found))

    def _check_channels(self, existing: list[str]) -> str:
        wanted = list(self.rail.keys.channels)
        absent = find_missing(wanted, existing)
        if not absent:
            return ""
        return (
            f"{len(absent)} of {len(wanted)} channel accounts do not exist ({absent[0]} ...); "
            "create them with: apexchainx channels create"
        )

    async def _check_fees(self) -> str:
        """Return what is wrong with the account that pays fees; empty when nothing is."""
        address = self.rail.keys.fees.public_key
        found = (await self.accounts.read_states([address])).get(address)
        if found is None:
            return f"the fee account {address} does not exist: nothing can be sent"
        wanted = FEES_FOR * self.rail.fee_cap_stroops
        if found.balance_stroops < wanted:
            return (
                f"the fee account {address} holds {format_amount(found.balance_stroops)} XLM; "
                f"give it {format_amount(wanted)} at least"
            )
        return ""

    async def _check_frozen(self, ours: list[str]) -> str:
        """Return which of our accounts the validators have frozen; empty when none is."""
        keys = self.rail.keys
        everybody = [keys.fees.public_key, keys.operator.public_key, *ours]
        found = await self.rail.frozen_keys.find_frozen(everybody)
        return f"the network's validators have frozen {', '.join(found)}, of ours" if found else ""

    async def _save(self, standing: NetworkState) -> None:
        async with self.database.autocommit() as connection:
            await networks.save_state(connection, standing)
