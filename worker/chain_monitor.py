"""
What the settlement worker keeps an eye on: which network its nodes serve and how far it has come,
which channel accounts there are, and whether fees and payments can be paid.
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
# What is wrong is said again this often, for as long as it is.
REPORT_EVERY = 12
# The most that so many transactions may cost at once.
FEES_FOR = 20


class ChainMonitor:
    def __init__(self, database: Database, rail: Rail, accounts: ChannelAccounts) -> None:
        self.database = database
        self.rail = rail
        self.accounts = accounts

    async def begin(self) -> dict[str, int]:
        """
        Answer how far the channels are used, once it is sure which network that is.

        Asked until the network answers: a worker may start before its nodes do.
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

    async def go_on(self) -> None:
        """Look again and again, for as long as the worker runs."""
        rounds = 0
        while True:
            await asyncio.sleep(SURVEY_SECONDS)
            rounds += 1
            try:
                standing = await self.rail.identity.recheck()
                if standing is not None:
                    await self._note(standing)
                    if rounds % REPORT_EVERY == 0:
                        await self._report(standing, list(await self.rail.read_channel_sequences()))
            except TryAgain as error:
                log.warning("%s", error)

    async def _report(self, standing: NetworkState, existing: list[str]) -> None:
        """
        Say what is missing: a worker with too few channels works, only slower, and one that can
        pay nobody still sees to what was sent before.
        """
        pairs = self.rail.keys.treasuries.items()
        treasuries = {treasury: pair.public_key for treasury, pair in pairs}
        troubles = [
            self._channels(existing),
            await self._fees(),
            await self._frozen([*existing, *treasuries.values()]),
            *await assets.find_obstacles(self.rail.nodes, self.rail.asset, treasuries),
        ]
        found = [trouble for trouble in troubles if trouble]
        for trouble in found:
            log.error("ALARM: %s", trouble)
        await self._note(standing)
        async with self.database.autocommit() as connection:
            await networks.save_trouble(connection, self.rail.passphrase, "; ".join(found))

    def _channels(self, existing: list[str]) -> str:
        wanted = list(self.rail.keys.channels)
        absent = find_missing(wanted, existing)
        if not absent:
            return ""
        return (
            f"{len(absent)} of {len(wanted)} channel accounts do not exist ({absent[0]} ...); "
            "create them with: apexchainx channels create"
        )

    async def _fees(self) -> str:
        """Say what is wrong with the account that pays fees, if anything is."""
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

    async def _frozen(self, ours: list[str]) -> str:
        """Say which of our accounts the validators have frozen: what touches one is never made."""
        keys = self.rail.keys
        everybody = [keys.fees.public_key, keys.operator.public_key, *ours]
        found = await self.rail.frozen_keys.find_frozen(everybody)
        return f"the network's validators have frozen {', '.join(found)}, of ours" if found else ""

    async def _note(self, standing: NetworkState) -> None:
        async with self.database.autocommit() as connection:
            await networks.save_state(connection, standing)
