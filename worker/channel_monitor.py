"""
Compares the sequences on record with the network's, and sets back a free channel that is ahead.

The record is ahead of the chain when a node showed a sequence too high, or a payment applied that was not.
Nothing sent on such a channel can be applied.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from adapters.stellar.rail import Rail
from domain.accounting.troubles import Trouble, TroubleCode
from domain.settlement.channels import Channel, ChannelAhead, find_ahead
from services.settlement.channels.mend_channel import MendChannel, mend_channel
from services.settlement.channels.save_channels import save_channels

log = logging.getLogger(__name__)
NOT_MENDED = (
    "it is not set back while bytes of ours may have used the higher sequence: look for a payment that counts "
    "as made and is missing on the chain"
)


class ChannelMonitor:
    """What was seen at the last look, so that a channel is set back only after two that agree."""

    def __init__(self, database: Database, rail: Rail) -> None:
        self.database = database
        self.rail = rail
        self.problems: list[Trouble] = []
        self._suspects: dict[str, ChannelAhead] = {}

    async def look(self, now: datetime) -> list[str]:
        """Save and mend what the nodes agree on; return the channel accounts that exist."""
        # Read before the network is, which is never behind what was read here.
        recorded = await self._read_recorded()
        seen = await self.rail.read_channels()
        ahead = find_ahead(recorded, seen.sequences, seen.ledger)
        again = [
            found
            for address, found in ahead.items()
            if address in self._suspects and found.confirms(self._suspects[address])
        ]
        known = {each.address for each in recorded if each.sequence is not None}
        unsaved = set(seen.sequences) - known
        self.problems = []
        if again or unsaved:
            agreed = (await self.rail.read_channels(agreed=True)).sequences
            await self._save(unsaved, agreed)
            for found in again:
                if agreed.get(found.address) == found.reached:
                    await self._mend(found, now)
        # What is first seen now may be of a node that lags, and counts when it is seen again.
        self._suspects = {
            address: before
            if (before := self._suspects.get(address, found)).is_same(found)
            else found
            for address, found in ahead.items()
        }
        return list(seen.sequences)

    async def _read_recorded(self) -> Sequence[Channel]:
        ours = self.rail.keys.channels
        async with self.database.autocommit() as connection:
            return [each for each in await channels.list_all(connection) if each.address in ours]

    async def _save(self, unsaved: set[str], agreed: dict[str, int]) -> None:
        new = {address: agreed[address] for address in sorted(unsaved) if address in agreed}
        if new:
            await save_channels(self.database, new)
        for address in sorted(unsaved - set(new)):
            sentence = f"the nodes disagree about the sequence of channel {address}, which is not used until they agree"
            self.problems.append(Trouble(TroubleCode.CHANNEL_DISPUTED, sentence, address))

    async def _mend(self, found: ChannelAhead, now: datetime) -> None:
        if await mend_channel(self.database, MendChannel(found, now)):
            log.error(
                "ALARM: %s; it was set back, and is used again: take a node that shows wrong sequences out of "
                "STELLAR_RPC_URL",
                found.describe(),
            )
            return
        sentence = f"{found.describe()}; {NOT_MENDED}"
        self.problems.append(Trouble(TroubleCode.CHANNEL_AHEAD, sentence, found.address))
