"""Take a message of a source: the message, and the episodes that it changes, in one transaction."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes, messages, sources
from domain.audit import AuditEntry, make_audit_entry
from domain.digests import derive_id
from domain.requests import Request
from domain.sla.intake.episode_rules import EpisodeChanges, ReceptionContext
from domain.sla.intake.episodes import ASKING, Episode, EpisodeStatus
from domain.sla.intake.messages import AlertMessage, MessageStatus, StoredMessage

# As large as a statement, and what is computed for it between two answers of others, gets.
WRITTEN_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class ReceiveAlerts:
    """`policy` and `agreement` are those of outages that name none."""

    source: str
    content: bytes = field(repr=False)
    message: AlertMessage
    policy: str
    agreement: str
    tzdata: str | None
    request: Request
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedAlerts:
    """What came of a message: how many episodes it changed, and how many of those ask a person."""

    message_id: str
    repeated: bool
    alerts: int
    changed: int
    asking: int
    truncated: int


async def receive_alerts(database: Database, command: ReceiveAlerts) -> ReceivedAlerts:
    """Answer once all of it is on record; what has to be done about it is due then."""
    message, at = command.message, command.at
    async with database.transaction() as connection:
        source = await sources.lock(connection, command.source)
        stored = make_message(source.name, command.content, at)
        is_new = await messages.add(connection, stored)
        named = (command.policy, command.agreement, command.tzdata)
        reception = ReceptionContext(source, stored.id, at, *named, is_repeated=not is_new)
        known = await episodes.list_known(connection, source.name, message, at)
        changes = EpisodeChanges(known, reception)
        for _ in changes.take_in_parts(message):
            await asyncio.sleep(0)  # thousands of alerts may not keep everybody else waiting
        changed = changes.list_changed()
        await save_episodes_within(connection, changed, command.request, at, set(changes.before))
        await episodes.note_heard(connection, changes.heard, message.group, at)
        await sources.note_heard(connection, source.name, at, message.truncated)
    asking = sum(each.status in ASKING for each in changed)
    return ReceivedAlerts(
        stored.id, not is_new, len(message.signals), len(changed), asking, message.truncated
    )


def make_message(
    source: str, content: bytes, at: datetime, problem: str | None = None
) -> StoredMessage:
    digest = hashlib.sha256(content).hexdigest()
    status = MessageStatus.TAKEN if problem is None else MessageStatus.QUARANTINED
    id_ = derive_id("msg", source, digest)
    return StoredMessage(id_, source, digest, at, at, 1, status, problem, content)


async def save_episodes_within(
    connection: AsyncConnection,
    changed: Sequence[Episode],
    request: Request,
    at: datetime,
    known: set[str],
) -> None:
    """
    Write episodes with their audit entries; all but those in quarantine are due at once. It takes a few statements
    for each `WRITTEN_AT_ONCE` of them.
    """
    due = [(each, None if each.status is EpisodeStatus.QUARANTINED else at) for each in changed]
    for start in range(0, len(due), WRITTEN_AT_ONCE):
        part = due[start : start + WRITTEN_AT_ONCE]
        await episodes.add_all(connection, [pair for pair in part if pair[0].id not in known])
        await episodes.save_all(connection, [pair for pair in part if pair[0].id in known])
        entries = [make_episode_entry(each, request, at) for each, _ in part]
        await events.publish_all(connection, [(entry, ()) for entry in entries])


def make_episode_entry(episode: Episode, request: Request, at: datetime) -> AuditEntry:
    payload = {
        "episode_id": episode.id,
        "source": episode.source,
        "fingerprint": episode.fingerprint,
        "message_id": episode.message_id,
        "status": episode.status,
        "began_at": episode.began_at,
        "ended_at": episode.ended_at,
        "reason_code": episode.reason_code,
        "reason": episode.reason,
        "note": episode.note,
        "continues": episode.continues,
        "tzdata": episode.tzdata,
    }
    subject, action = f"episode/{episode.id}", f"episode.{episode.status}"
    return make_audit_entry(subject, action, request, at, payload, str(episode.version))
