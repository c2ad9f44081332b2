"""
JSON Schemas of events: one for each type, of the whole body that a receiver gets.

Amounts and numbers that JSON readers would round are text. A later version only adds members: a receiver has
to ignore what it does not know. What takes one away or changes its meaning is another SCHEMA_VERSION.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.digests import format_instant
from domain.events import EventType

SCHEMA_VERSION = 1
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_INTEGER = {"type": "integer"}
_COUNT = {"type": "integer", "minimum": 0}
_INSTANT = {"type": "string", "format": "date-time", "pattern": "Z$"}
_INSTANT_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_STROOPS = {"type": "string", "pattern": "^-?[0-9]+$"}
_NUMBER_AS_TEXT = {"type": "string", "pattern": "^[0-9]+$"}
_BOOLEAN = {"type": "boolean"}
_OBJECT = {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}
_SEVERITY = {"enum": ["critical", "high", "medium", "low"]}


def _make_object(
    required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": sorted(required)}


_POLICY = {"policy": _TEXT, "policy_version": _INTEGER, "policy_digest": _TEXT}
_OUTAGE = {
    "outage_id": _TEXT,
    "site_name": _TEXT,
    "severity": _SEVERITY,
    "detected_at": _INSTANT,
    "fingerprint": _TEXT,
    "agreement": _TEXT,
    "agreement_version": _INTEGER,
    "customer": _TEXT_OR_NULL,
    "part_of": _TEXT_OR_NULL,
    **_POLICY,
}
_VERDICT = {
    "outage_id": _TEXT,
    "revision": _INTEGER,
    "severity": _SEVERITY,
    "detected_at": _INSTANT,
    "resolved_at": _INSTANT,
    "mttr_minutes": _COUNT,
    "mttr_basis": {"enum": ["measured", "stated", "decided"]},
    "threshold_minutes": _COUNT,
    "sla_status": {"enum": ["met", "violated"]},
    "payment_type": _TEXT,
    "rating": _TEXT,
    "amount_stroops": _STROOPS,
    **_POLICY,
}
_JUDGED = _make_object({**_VERDICT, "dispute_deadline": _INSTANT})
_DECIDED = _make_object(
    {
        "dispute_id": _TEXT,
        "outage_id": _TEXT,
        "status": _TEXT,
        "note": _TEXT,
        "revision": _INTEGER,
        "sla_status": {"enum": ["met", "violated"]},
        "mttr_minutes": _COUNT,
        "amount_stroops": _STROOPS,
    }
)
_PAYMENT = {
    "payment_id": _TEXT,
    "payment_number": _NUMBER_AS_TEXT,
    "outage_id": _TEXT,
    "revision": _INTEGER,
    "type": {"enum": ["reward", "penalty"]},
    "amount_stroops": _STROOPS,
    "asset_code": _TEXT,
    "from_address": _TEXT,
    "to_address": _TEXT,
}
_STOPPED = _make_object({**_PAYMENT, "status": _TEXT, "reason_code": _TEXT, "reason": _TEXT})
_CIRCUIT_BREAKER = _make_object({"reason": _TEXT, "changed_by": _TEXT, "changed_at": _INSTANT})
_BREAK = {
    "break_id": _TEXT,
    "kind": _TEXT,
    "subject": _TEXT,
    "detail": _TEXT,
    "payment_id": _TEXT_OR_NULL,
    "number": {"type": ["string", "null"]},
    "transaction_hash": _TEXT_OR_NULL,
    "journal_stroops": _STROOPS,
    "chain_stroops": _STROOPS,
}
_VIOLATION = _make_object(
    {
        "violation_id": _TEXT,
        "invariant": _TEXT,
        "description": _TEXT,
        "subject": _TEXT,
        "detail": _TEXT,
    }
)

_DATA: Mapping[EventType, dict[str, Any]] = {
    EventType.OUTAGE_CREATED: _make_object(_OUTAGE),
    EventType.OUTAGE_AMENDED: _make_object({"outage_id": _TEXT, "changes": _OBJECT}),
    EventType.OUTAGE_RESOLVED: _JUDGED,
    EventType.OUTAGE_REOPENED: _make_object(
        {"outage_id": _TEXT, "reason": _TEXT, "revision": _INTEGER}
    ),
    EventType.OUTAGE_CANCELLED: _make_object({"outage_id": _TEXT, "reason": _TEXT}),
    EventType.OUTAGE_CLOSED: _make_object(
        {
            "outage_id": _TEXT,
            "payment_id": _TEXT,
            "transaction_hash": _TEXT,
            "amount_stroops": _STROOPS,
        }
    ),
    EventType.SLA_MET: _JUDGED,
    EventType.SLA_BREACHED: _JUDGED,
    EventType.SLA_REVISED: _make_object(_VERDICT),
    EventType.DISPUTE_OPENED: _make_object(
        {
            "dispute_id": _TEXT,
            "outage_id": _TEXT,
            "revision": _INTEGER,
            "reason": _TEXT,
            "decision_deadline": _INSTANT,
        }
    ),
    EventType.DISPUTE_RESOLVED: _DECIDED,
    EventType.DISPUTE_EXPIRED: _DECIDED,
    EventType.DISPUTE_WITHDRAWN: _DECIDED,
    EventType.ATTESTATION_HALTED: _make_object(
        {"outage_id": _TEXT, "revision": _INTEGER, "problem": _TEXT},
        {
            "contract_id": _TEXT,
            "transaction_hash": _TEXT,
            "ledger": _INTEGER,
            "fresh": _BOOLEAN,
            "result": _OBJECT,
            "config_snapshot": _OBJECT,
        },
    ),
    EventType.PAYMENT_SUBMITTED: _make_object(
        {**_PAYMENT, "transaction_hash": _TEXT, "last_ledger": _INTEGER}
    ),
    EventType.PAYMENT_PROCESSED: _make_object(
        {
            **_PAYMENT,
            "transaction_hash": _TEXT,
            "ledger": _INTEGER,
            "fee_stroops": _STROOPS,
            "confirmed_at": _INSTANT,
        },
        # Of a payment that was settled together with others.
        {
            "transfer_number": _NUMBER_AS_TEXT,
            "transfer_stroops": _STROOPS,
            "allocated_stroops": _STROOPS,
        },
    ),
    EventType.PAYMENT_FAILED: _make_object(
        {
            **_PAYMENT,
            "transaction_hash": _TEXT_OR_NULL,
            "ledger": {"type": ["integer", "null"]},
            "reason": _TEXT,
        }
    ),
    EventType.PAYMENT_BLOCKED: _STOPPED,
    EventType.PAYMENT_ON_HOLD: _STOPPED,
    EventType.PAYMENT_REOPENED: _make_object(
        {**_PAYMENT, "transaction_hash": _TEXT, "proof": _TEXT, "note": _TEXT}
    ),
    EventType.PAYMENT_VOIDED: _make_object(
        {**_PAYMENT, "reason": _TEXT, "status_before": _TEXT_OR_NULL}
    ),
    EventType.PAYMENT_APPROVED: _make_object(
        {**_PAYMENT, "approver": _TEXT, "prepared_by": _TEXTS, "digest": _TEXT, "note": _TEXT}
    ),
    EventType.CIRCUIT_BREAKER_OPENED: _CIRCUIT_BREAKER,
    EventType.CIRCUIT_BREAKER_CLOSED: _CIRCUIT_BREAKER,
    EventType.BREAK_FOUND: _make_object(_BREAK),
    EventType.BREAK_CLOSED: _make_object(
        {
            **_BREAK,
            "adjustment": _TEXT,
            "note": _TEXT,
            "closed_by": _TEXT,
            "entry_id": _TEXT_OR_NULL,
        }
    ),
    EventType.INVARIANT_VIOLATED: _VIOLATION,
    EventType.OBLIGATION_OVERDUE: _VIOLATION,
    EventType.REFRESH_TOKEN_REUSED: _make_object(
        {
            "session_id": _TEXT,
            "person": _TEXT,
            "token_sequence": _INTEGER,
            "newest_sequence": _INTEGER,
            "used_at": _INSTANT_OR_NULL,
        }
    ),
    EventType.WEBHOOK_DISABLED: _make_object(
        {"webhook_id": _TEXT, "reason": _TEXT, "failures": _COUNT}
    ),
    EventType.WEBHOOK_RECOVERED: _make_object({"webhook_id": _TEXT, "disabled_at": _INSTANT}),
    EventType.WEBHOOK_TEST: _make_object({"webhook_id": _TEXT}),
}
# Of the engine itself: it names no outage, and has no place among the events of one.
_OF_NO_OUTAGE = ("settlement.", "reconciliation.", "ledger.", "access.", "webhook.")


def make_schema(type_: EventType) -> dict[str, Any]:
    """Return the schema of the body of an event."""
    alone = type_.startswith(_OF_NO_OUTAGE)
    body = {
        "type": {"const": type_},
        "timestamp": _INSTANT,
        "schema_version": {"const": SCHEMA_VERSION},
        "outage_sequence": {"type": "null"} if alone else {"type": "integer", "minimum": 1},
        "data": _DATA[type_],
    }
    return {"$schema": _DIALECT, "title": type_, **_make_object(body)}


def make_body(
    type_: str, occurred_at: datetime, outage_sequence: int | None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of an event, as its schema has it."""
    return {
        "type": type_,
        "timestamp": format_instant(occurred_at),
        "schema_version": SCHEMA_VERSION,
        "outage_sequence": outage_sequence,
        "data": data,
    }
