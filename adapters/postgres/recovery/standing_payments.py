"""Payments as they stand on record, of which some workflow may know less: those at work, those just made, and all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.reasons import ReasonCode
from domain.recovery.standing_payments import StandingPayment
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import OutageStatus

PAGE = 100
# Whoever drives a payment ends within this time, or has told its workflow, unless it was killed.
_DRIVEN_WITHIN = timedelta(seconds=8)
# What is made sooner after it was owed was made by an activity: it has no workflow.
_MADE_WITHIN = timedelta(seconds=10)
# Whoever commits last began before this.
_COMMIT_WITHIN = timedelta(seconds=30)
_SHOWN = "p.id, p.outage_id, p.revision, p.status, p.reason_code, o.status AS outage_status"
# A channel serves each: there are no more of them than channels, or members of as many batches.
_AT_WORK = text(
    f"""
    SELECT {_SHOWN}, true AS in_attempt, a.max_ledger IS NULL AS unsigned
    FROM channels c
    JOIN attempts a ON a.payment_id = c.payment_id AND a.channel = c.address AND a.status = 'open'
    JOIN allocations s ON (s.lead_payment_id, s.n) = (a.payment_id, a.n) AND s.live
    JOIN payments p ON p.id = s.payment_id
    JOIN outages o ON o.id = p.outage_id
    WHERE a.opened_at < now() - CAST(:driven_within AS interval)
    ORDER BY p.id
    """
)
_UNRECEIVED = text(
    f"""
    SELECT {_SHOWN}, false AS in_attempt, false AS unsigned
    FROM outages o JOIN payments p ON p.outage_id = o.id AND p.status = 'confirmed'
    WHERE o.status = 'settling' AND p.confirmed_at < now() - CAST(:driven_within AS interval)
    ORDER BY p.id LIMIT {PAGE}
    """
)
_ENDED = text(
    f"""
    SELECT {_SHOWN}, false AS in_attempt, false AS unsigned
    FROM outages o JOIN payments p ON p.outage_id = o.id AND p.status IN ('confirmed', 'voided')
    WHERE o.changed_at > :since AND o.changed_at < now() - CAST(:grace AS interval)
      AND (p.status = 'voided' OR o.changed_at > p.created_at + CAST(:made_within AS interval))
      AND o.status IN ('closed', 'voided') AND NOT o.settled_elsewhere
    ORDER BY p.id
    """
)
_NAMED = text(
    f"""
    SELECT {_SHOWN}, EXISTS (
        SELECT FROM allocations s JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
        WHERE s.payment_id = p.id AND s.live AND a.status = 'open'
    ) AS in_attempt, false AS unsigned
    FROM payments p JOIN outages o ON o.id = p.outage_id WHERE p.id = ANY(:ids)
    """
)


async def list_at_work(connection: AsyncConnection) -> list[StandingPayment]:
    """Return the payments that have had a channel for longer than somebody who drives them needs."""
    rows = await connection.execute(_AT_WORK, {"driven_within": _DRIVEN_WITHIN})
    return [_to_standing(row) for row in rows]


async def list_unreceived(connection: AsyncConnection) -> list[StandingPayment]:
    """Return payments that are made, and whose outages are not closed."""
    rows = await connection.execute(_UNRECEIVED, {"driven_within": _DRIVEN_WITHIN})
    return [_to_standing(row) for row in rows]


async def list_ended(
    connection: AsyncConnection, since: datetime, grace: timedelta
) -> list[StandingPayment]:
    """Return the payments of outages that ended since an instant, unless they were made too soon to have a workflow."""
    wanted = {"since": since - _COMMIT_WITHIN, "grace": grace, "made_within": _MADE_WITHIN}
    return [_to_standing(row) for row in await connection.execute(_ENDED, wanted)]


async def list_named(connection: AsyncConnection, ids: Sequence[str]) -> list[StandingPayment]:
    """Return payments by their ids, as they stand by now."""
    rows = await connection.execute(_NAMED, {"ids": list(ids)})
    return [_to_standing(row) for row in rows]


def _to_standing(row: Any) -> StandingPayment:
    return StandingPayment(
        row.id,
        row.outage_id,
        row.revision,
        PaymentStatus(row.status),
        None if row.reason_code is None else ReasonCode(row.reason_code),
        row.in_attempt,
        OutageStatus(row.outage_status),
        row.unsigned,
    )
