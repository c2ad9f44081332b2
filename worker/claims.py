"""The claim of the channel accounts in the settlement worker: nothing is served before it stands, if it can be."""

import asyncio
import importlib.metadata
import os
import socket
from contextlib import AsyncExitStack, suppress

from activities.networks import ChainReadings
from activities.settlement.channels import ChannelClaim
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings
from adapters.stellar.accounts.claims import ClaimAccount
from adapters.stellar.rail import Rail
from domain.errors import ChannelsClaimed
from domain.settlement.channels import ClaimTimes

# A worker whose claim is not established by then serves all the same, and signs nothing yet.
PATIENCE_SECONDS = 10.0
LOOKS_A_CHECK = 4


def build_claim(
    settings: SettlementSettings,
    database: Database,
    rail: Rail,
    readings: ChainReadings,
    *,
    takes_over: bool,
) -> ChannelClaim:
    """Build the claim of this process; nothing is written yet."""
    times = ClaimTimes(settings.channel_claim_check_seconds)
    look = times.check_seconds / LOOKS_A_CHECK
    account = ClaimAccount(rail.nodes, rail.passphrase, rail.keys, rail.fee_cap_stroops, look)
    version = importlib.metadata.version("apexchainx")
    by = f"{socket.gethostname()}, process {os.getpid()}, version {version}"
    return ChannelClaim(database, account, readings, times, by, takes_over=takes_over)


async def hold_channels(claim: ChannelClaim, stack: AsyncExitStack) -> asyncio.Task[None]:
    """
    Claim the channels, and return the task that looks after the claim until the stack ends.

    Raises ChannelsClaimed when another engine has them; the task does when one gets them later.
    """
    claiming: asyncio.Task[None] = asyncio.create_task(claim.run())
    stack.push_async_callback(_stop, claiming)
    established = asyncio.create_task(claim.established.wait())
    patience = claim.times.probation_seconds + PATIENCE_SECONDS
    await asyncio.wait(
        [claiming, established], timeout=patience, return_when=asyncio.FIRST_COMPLETED
    )
    established.cancel()
    if claiming.done():
        claiming.result()
    return claiming


async def _stop(claiming: asyncio.Task[None]) -> None:
    claiming.cancel()
    with suppress(asyncio.CancelledError, ChannelsClaimed):
        await claiming
