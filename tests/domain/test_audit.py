"""An audit entry is hashed as an RFC 6962 leaf, and the same action always makes the same entry."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.audit import hash_leaf, make_audit_entry, make_engine_request
from domain.requests import Request

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_anyone_can_compute_the_hash_of_an_audit_entry() -> None:
    written = make_audit_entry(
        "outage/OUT-1", "outage.judged", Request("ops", "corr"), NOON, {"b": 1, "a": 2}
    )
    content = (
        b'{"action":"outage.judged","actor":"ops","at":"2026-01-31T12:00:00.000000Z",'
        b'"correlation_id":"corr","evidence":{"a":2,"b":1},"id":"' + written.id.encode() + b'",'
        b'"subject":"outage/OUT-1"}'
    )
    assert written.content() == content
    assert hash_leaf(content) == hashlib.sha256(b"\x00" + content).digest()
    # The empty leaf of RFC 6962's own test data.
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert hash_leaf(b"").hex() == empty


def test_a_repeated_action_makes_the_same_audit_entry_and_another_action_another() -> None:
    first = make_audit_entry(
        "outage/OUT-1", "outage.amended", make_engine_request("corr"), NOON, {}, "key"
    )
    again = make_audit_entry(
        "outage/OUT-1", "outage.amended", make_engine_request("corr"), NOON, {}, "key"
    )
    later = make_audit_entry(
        "outage/OUT-1", "outage.amended", make_engine_request("c"), NOON + timedelta(1), {}, "key"
    )
    assert first == again
    assert later.id == first.id
    assert (
        make_audit_entry(
            "outage/OUT-1", "outage.amended", make_engine_request("corr"), NOON, {}, "k2"
        ).id
        != first.id
    )
    assert replace(first, subject="outage/OUT-2").content() != first.content()


def test_the_engine_acts_under_the_correlation_id_of_the_request() -> None:
    assert make_engine_request("corr") == Request("engine", "corr")
