"""Release a channel from quarantine, with the payments it served."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    allocations,
    attempts,
    channels,
    payments,
)
from domain.accounting.journal import Entry, make_released_entries
from domain.errors import Conflict
from domain.settlement.attempts import AttemptStatus
from domain.settlement.batches import Batch
from domain.settlement.channels import ChannelRelease, QuarantinedAttempt
from domain.settlement.payments import PaymentStatus


@dataclass(frozen=True, slots=True)
class ReleaseChannel:
    """What a person decides, and the attempt of which it was proven, if the channel served one."""

    release: ChannelRelease
    served: QuarantinedAttempt | None


async def release_channel(database: Database, command: ReleaseChannel) -> None:
    """
    End the attempt, let its payments begin anew, and use the channel again unless it is retired.

    Only of what was proven: refused when anything else was signed, or left, in the meantime.
    """
    release, served = command.release, command.served
    async with database.transaction() as connection:
        await channels.lock(connection, release.channel, served)
        given_back: list[Entry] = []
        if served is not None:
            given_back = await _make_released_entries(connection, served)
            await _end_attempt(connection, release, served)
        await channels.release(connection, release)
        if served is not None:
            pending = PaymentStatus.PENDING
            await payments.move_all(connection, served.payments, pending)
            await journal.post_entries(connection, given_back)
        await events.publish(connection, release.make_audit_entry(served))


async def _end_attempt(
    connection: AsyncConnection, release: ChannelRelease, served: QuarantinedAttempt
) -> None:
    if not await attempts.finish(connection, served.attempt, AttemptStatus.FAILED, release.proof):
        raise Conflict(
            f"channel {release.channel} was changed by another process meanwhile; read it again"
        )
    if release.sequence < served.attempt.sequence:
        await attempts.release_sequence(connection, served.attempt)


async def _make_released_entries(
    connection: AsyncConnection, served: QuarantinedAttempt
) -> list[Entry]:
    """Return the entries that release what was reserved for the attempt: none before bytes were signed."""
    if not served.hashes:
        return []
    attempt = served.attempt
    members, _ = await allocations.get_members(connection, Batch(attempt.payment_id, attempt.n))
    return [
        entry
        for member in members.values()
        for entry in make_released_entries(member, attempt.n, attempt.payment_id)
    ]
