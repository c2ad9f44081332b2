"""Payment traces: everything the database has of one payment, as of one moment."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import RowMapping, Text, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import journal
from adapters.postgres.tables import allocations, attempts, envelopes, submissions
from domain.accounting.payment_traces import (
    AttemptLine,
    PaymentTrace,
    TracedAttempt,
    TracedEnvelope,
    TracedPayment,
    TracedSubmission,
    TraceEvent,
    add_running_sums,
)
from domain.errors import Invalid, NotFound
from domain.settlement.channels import RELEASED

IDS_SHOWN_MAX = 5

# By id, by number, or by the hash of any envelope it was a member of; a batch has many payments.
_FIND = text(
    """
    SELECT id, queue_number FROM payments
    WHERE id = :name OR transaction_hash = :name OR number = CAST(:number AS bigint)
    UNION
    SELECT p.id, p.queue_number FROM envelopes e
    JOIN allocations s ON (s.lead_payment_id, s.n) = (e.payment_id, e.n) JOIN payments p ON p.id = s.payment_id
    WHERE e.hash = :name OR e.inner_hash = :name
    ORDER BY queue_number
    """
)

_PAYMENT = text(
    """
    SELECT p.id, p.number, p.type, p.status, p.amount_stroops, p.asset_code, p.payer,
           p.from_address, p.to_address, p.created_at, p.reason_code, p.status_reason,
           p.transaction_hash, p.ledger, p.confirmed_at, p.outage_id, p.revision, r.severity, o.site_name,
           r.mttr_minutes, r.mttr_basis, r.threshold_minutes, r.rating, r.status AS sla_status,
           r.policy, r.policy_version, r.judged_at
    FROM payments p JOIN outages o ON o.id = p.outage_id
    JOIN sla_results r ON (r.outage_id, r.revision) = (p.outage_id, p.revision)
    WHERE p.id = :id
    """
)

# Audit entries of a payment are under its outage; those of a channel's release are under the channel.
_AUDIT_ENTRIES = text(
    """
    SELECT a.content FROM audit_entries a
    WHERE a.subject = ANY(ARRAY(
              SELECT 'outage/' || outage_id FROM payments WHERE id = :id
              UNION
              SELECT 'channel/' || t.channel FROM allocations s
              JOIN attempts t ON (t.payment_id, t.n) = (s.lead_payment_id, s.n) WHERE s.payment_id = :id
          ))
      AND (split_part(a.action, '.', 1) = 'payment' OR a.action = :released)
    ORDER BY a.sequence
    """
)

_ATTEMPTS = text(
    """
    SELECT s.lead_payment_id, s.n, a.rail, a.channel, a.sequence, a.status, a.reason, a.opened_at,
           a.members, s.number, s.amount_stroops AS allocated_stroops, s.reason AS left_out,
           e.hash, e.inner_hash, e.fee_stroops, e.max_ledger, e.signed_at,
           e.noop_reason, b.sent_at, rtrim(b.status || ' ' || b.detail) AS answer
    FROM allocations s JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
    LEFT JOIN envelopes e ON (e.payment_id, e.n) = (a.payment_id, a.n)
    LEFT JOIN submissions b ON b.hash = e.hash
    WHERE s.payment_id = :id
    ORDER BY a.opened_at, s.lead_payment_id, s.n, e.max_ledger, e.fee_stroops, e.hash, b.id
    """
)
_ATTEMPT_FIELDS = (
    *(
        "lead_payment_id",
        "n",
        "rail",
        "channel",
        "sequence",
        "status",
        "reason",
        "opened_at",
        "members",
    ),
    *("number", "allocated_stroops", "left_out"),
)
_ENVELOPE_FIELDS = ("hash", "inner_hash", "fee_stroops", "max_ledger", "signed_at", "noop_reason")


async def find_payment_id(connection: AsyncConnection, name: str) -> str:
    """
    Find a payment by its id, its number or a transaction hash, and return its id.

    Raises NotFound when there is none, Invalid when there are several.
    """
    number = int(name) if name.isascii() and name.isdigit() and int(name) < 2**63 else None
    rows = (await connection.execute(_FIND, {"name": name, "number": number})).all()
    if not rows:
        raise NotFound(f"no payment has the id, number or transaction hash {name!r}")
    if len(rows) > 1:
        some = ", ".join(row.id for row in rows[:IDS_SHOWN_MAX])
        more = f" and {len(rows) - IDS_SHOWN_MAX} more" if len(rows) > IDS_SHOWN_MAX else ""
        raise Invalid("id", f"{len(rows)} payments share {name}; name one of them: {some}{more}")
    return str(rows[0].id)


async def load_trace(connection: AsyncConnection, payment_id: str) -> PaymentTrace:
    """Return the trace of a payment, from its verdict to its proof. Raises NotFound."""
    payment = (await connection.execute(_PAYMENT, {"id": payment_id})).mappings().one_or_none()
    if payment is None:
        raise NotFound(f"payment {payment_id!r} does not exist")
    found = await connection.execute(_AUDIT_ENTRIES, {"id": payment_id, "released": RELEASED})
    entries = [orjson.loads(content) for content in found.scalars()]
    attempted = (await connection.execute(_ATTEMPTS, {"id": payment_id})).mappings().all()
    postings = [
        {("at" if name == "posted_at" else name): value for name, value in asdict(line).items()}
        for line in await journal.list_by_payment(connection, payment_id)
    ]
    return PaymentTrace(
        TracedPayment(**payment),
        _to_events(entries, payment_id),
        _to_attempts(attempted),
        add_running_sums(postings),
    )


def _to_events(entries: list[dict[str, Any]], payment_id: str) -> list[TraceEvent]:
    return [
        TraceEvent(
            datetime.fromisoformat(entry["at"]), entry["action"], entry["actor"], entry["evidence"]
        )
        for entry in entries
        # A channel is released for all payments of its attempt.
        if payment_id
        in (entry["evidence"].get("payment_id"), *entry["evidence"].get("payments", ()))
    ]


def _to_attempts(rows: Sequence[RowMapping]) -> list[TracedAttempt]:
    traced = []
    for _, of_one in groupby(rows, key=lambda row: (row["lead_payment_id"], row["n"])):
        lines = list(of_one)
        values = {name: lines[0][name] for name in _ATTEMPT_FIELDS}
        traced.append(TracedAttempt(**values, envelopes=_to_envelopes(lines)))
    return traced


def _to_envelopes(rows: Sequence[RowMapping]) -> list[TracedEnvelope]:
    signed = []
    for hash_, of_one in groupby(rows, key=lambda row: row["hash"]):
        if hash_ is None:
            continue
        lines = list(of_one)
        sends = [
            TracedSubmission(line["sent_at"], line["answer"]) for line in lines if line["sent_at"]
        ]
        signed.append(
            TracedEnvelope(**{name: lines[0][name] for name in _ENVELOPE_FIELDS}, sends=sends)
        )
    return signed


async def list_attempts(connection: AsyncConnection, payment_id: str) -> list[AttemptLine]:
    """Return every attempt with its envelopes and the answers to each send, oldest first."""
    rows = await connection.execute(
        select(
            attempts.c.n,
            attempts.c.channel,
            attempts.c.sequence,
            attempts.c.status,
            attempts.c.reason,
            attempts.c.rail,
            cast(allocations.c.number, Text).label("number"),
            allocations.c.amount_stroops,
            envelopes.c.inner_hash,
            envelopes.c.hash,
            envelopes.c.max_ledger,
            envelopes.c.fee_stroops,
            envelopes.c.noop_reason,
            func.rtrim(submissions.c.status + " " + submissions.c.detail).label("answer"),
            submissions.c.sent_at,
        )
        .select_from(
            allocations.join(
                attempts,
                (attempts.c.payment_id == allocations.c.lead_payment_id)
                & (attempts.c.n == allocations.c.n),
            )
            .outerjoin(
                envelopes,
                (envelopes.c.payment_id == attempts.c.payment_id) & (envelopes.c.n == attempts.c.n),
            )
            .outerjoin(submissions, submissions.c.hash == envelopes.c.hash)
        )
        .where(allocations.c.payment_id == payment_id)
        .order_by(
            attempts.c.opened_at, envelopes.c.max_ledger, envelopes.c.fee_stroops, submissions.c.id
        )
    )
    return [AttemptLine(*row) for row in rows]
