"""Set a free channel back that is ahead of the chain, as after a node that showed its sequence too high."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from domain.audit import make_audit_entry, make_engine_request
from domain.settlement.channels import MENDED, ChannelAhead


@dataclass(frozen=True, slots=True)
class MendChannel:
    """What two agreeing reads at different ledgers have shown."""

    found: ChannelAhead
    at: datetime


async def mend_channel(database: Database, command: MendChannel) -> bool:
    """Return False when the channel is in use, or when bytes of ours may have used the higher sequence."""
    found, at = command.found, command.at
    async with database.transaction() as connection:
        if not await channels.set_back(connection, found.address, found.reached, found.ledger):
            return False
        payload = {
            "channel": found.address,
            "sequence": str(found.sequence),
            "reached": str(found.reached),
            "ledger": found.ledger,
        }
        by = make_engine_request(f"mend-{found.address[:8]}-{found.reached}")
        key = (str(found.sequence), str(found.reached), str(found.ledger))
        await events.publish(
            connection,
            make_audit_entry(f"channel/{found.address}", MENDED, by, at, payload, *key),
        )
    return True
