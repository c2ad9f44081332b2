"""Every type of event has a schema, which says what a receiver gets and what it does not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

from domain.events import EventType
from domain.integration.event_schemas import make_schema
from tests.testkit.integration.event_checker import find_problems

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOSED = {
    "outage_id": "OUT-1",
    "payment_id": "pay-1",
    "transaction_hash": "ab",
    "amount_stroops": "-10000000000",
}


@pytest.mark.parametrize("type_", EventType)
def test_each_type_has_one_that_is_a_schema(type_: EventType) -> None:
    schema = make_schema(type_)
    assert meta.is_valid(schema)
    assert Draft202012Validator(schema)
    assert schema["title"] == type_
    assert schema["properties"]["data"]["required"]


def test_an_event_as_it_is_sent_is_valid() -> None:
    assert list(find_problems("outage.closed", NOW, 7, CLOSED)) == []
    assert list(find_problems("webhook.test", NOW, None, {"webhook_id": "whk_1"})) == []


@pytest.mark.parametrize(
    ("data", "sequence"),
    [
        (CLOSED | {"amount_stroops": -10_000_000_000}, 7),
        ({name: value for name, value in CLOSED.items() if name != "payment_id"}, 7),
        (CLOSED | {"more": 1}, 7),
        (CLOSED, None),
        (CLOSED, 0),
    ],
)
def test_one_that_differs_is_not(data: dict[str, Any], sequence: int | None) -> None:
    assert list(find_problems("outage.closed", NOW, sequence, data))


@pytest.mark.parametrize(
    ("alias", "type_"),
    [
        ("payment.confirmed", EventType.PAYMENT_PROCESSED),
        ("dispute.filed", EventType.DISPUTE_OPENED),
        ("dispute.decided", EventType.DISPUTE_RESOLVED),
        ("endpoint.disabled", EventType.WEBHOOK_DISABLED),
        ("endpoint.recovered", EventType.WEBHOOK_RECOVERED),
    ],
)
def test_other_names_for_the_same_are_known(alias: str, type_: EventType) -> None:
    assert EventType(alias) is type_
    with pytest.raises(ValueError, match="is not a valid"):
        EventType("payment.unheard_of")
