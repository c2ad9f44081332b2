"""The shapes of answers as the web frontend reads them: which fields, and of which JSON types."""

from datetime import datetime
from typing import Any


class Maybe:
    """A field that may also be null."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape


class OneOf:
    """A field with one of these values."""

    def __init__(self, *values: Any) -> None:
        self.values = values


class Number:
    """A JSON number; the frontend calculates with it."""


class Instant:
    """What `new Date()` reads, in UTC."""


class Texts:
    """An object of any names, each with this shape."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape


def check_shape(value: Any, shape: Any, where: str = "answer") -> None:
    """Fail unless a value has a shape. An object may have more fields than the frontend reads."""
    if isinstance(shape, Maybe):
        if value is not None:
            check_shape(value, shape.shape, where)
    elif isinstance(shape, OneOf):
        assert value in shape.values, f"{where}: {value!r}"
    elif isinstance(shape, Texts):
        assert isinstance(value, dict), f"{where}: {value!r}"
        for name, each in value.items():
            check_shape(each, shape.shape, f"{where}.{name}")
    elif isinstance(shape, dict):
        assert isinstance(value, dict), f"{where}: {value!r}"
        for name, part in shape.items():
            assert name in value, f"{where} lacks {name}"
            check_shape(value[name], part, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{where}: {value!r}"
        for n, each in enumerate(value):
            check_shape(each, shape[0], f"{where}[{n}]")
    elif shape is Number:
        assert isinstance(value, int | float), f"{where} is no number: {value!r}"
        assert not isinstance(value, bool), f"{where} is no number: {value!r}"
    elif shape is Instant:
        assert isinstance(value, str), f"{where} is no instant: {value!r}"
        assert value.endswith("Z"), f"{where} is not in UTC: {value!r}"
        assert datetime.fromisoformat(value).tzinfo is not None
    else:
        assert isinstance(value, shape), f"{where}: {value!r} is no {shape.__name__}"


def make_page(item: Any) -> dict[str, Any]:
    """Return the shape of a page of such items."""
    return {"items": [item], "total": int, "page": int, "page_size": int}


SLA_STATUS = {
    "status": OneOf("met", "violated"),
    "mttr_minutes": Number,
    "threshold_minutes": Number,
    "amount": Number,
    "payment_type": OneOf("reward", "penalty"),
    "rating": OneOf("exceptional", "excellent", "good", "poor"),
}
OUTAGE = {
    "id": str,
    "site_name": str,
    "severity": OneOf("critical", "high", "medium", "low"),
    "status": OneOf("open", "resolved", "cancelled"),
    "detected_at": Instant,
    "resolved_at": Maybe(Instant),
    "description": str,
    "affected_services": [str],
    "affected_subscribers": Maybe(Number),
    "assigned_to": Maybe(str),
    "location": Maybe({"latitude": Number, "longitude": Number}),
    "root_cause": Maybe(str),
    "resolution_notes": Maybe(str),
    "sla_status": Maybe(SLA_STATUS),
}
DISPUTE = {
    "id": str,
    "status": OneOf("open", "under_review", "resolved", "rejected", "withdrawn", "expired"),
    "reason": str,
    "created_at": Instant,
    "resolution_note": Maybe(str),
}
PAYMENT = {
    "id": str,
    "outage_id": Maybe(str),
    "type": OneOf("reward", "penalty"),
    "amount": Number,
    "created_at": Instant,
    "asset_code": str,
    "status": OneOf("pending", "completed", "confirmed", "failed"),
    "from_address": str,
    "to_address": str,
    "transaction_hash": Maybe(str),
    "confirmed_at": Maybe(Instant),
}
TERMS = {"threshold_minutes": Number, "penalty_per_minute": Number, "reward_base": Number}
SEVERITIES = ("critical", "high", "medium", "low")
CONFIG = dict.fromkeys(SEVERITIES, TERMS)
WEBHOOK = {"id": str, "url": str, "events": [str], "active": bool}
DELIVERY = {
    "id": str,
    "event": str,
    "status": OneOf("success", "failed", "pending"),
    "response_code": Maybe(int),
    "created_at": Instant,
}
WALLET = {"user_id": str, "public_key": str, "funded": Maybe(bool), "trustline_ready": Maybe(bool)}
WALLET_STATUS = {
    "public_key": str,
    "funded": bool,
    "trustline_ready": bool,
    "usable": bool,
    "active": bool,
    "last_updated": Instant,
}
KPIS = {
    "total_outages": Number,
    "total_violations": Number,
    "total_rewards": Number,
    "total_penalties": Number,
}
TREND = {
    "date": str,
    "total_outages": Number,
    "violations": Number,
    "rewards": Number,
    "penalties": Number,
}
ROW_ERROR = {"row": Maybe(int), "field": Maybe(str), "message": str}
IMPORT = {"imported": int, "skipped": int, "errors": [ROW_ERROR]}
IMPORT_RECORD = IMPORT | {"id": str, "filename": str, "error_count": int, "created_at": Instant}
USER = {
    "id": str,
    "email": str,
    "role": str,
    "full_name": Maybe(str),
    "stellar_wallet": Maybe(str),
    "created_at": Instant,
}
TOKENS = {"access_token": str, "refresh_token": str, "token_type": str, "expires_in": int}
