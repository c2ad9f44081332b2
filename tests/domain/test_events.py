"""An event of the same fact has the same id, so that a repeated activity publishes it once."""

from datetime import UTC, datetime, timedelta

from domain.events import EventType, make_event

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_the_event_id_is_derived_from_the_fact_alone() -> None:
    first = make_event(EventType.PAYMENT_PROCESSED, "OUT-1", NOON, {"n": 1}, "pay_1")
    later = make_event(EventType.PAYMENT_PROCESSED, "OUT-1", NOON + timedelta(1), {"n": 2}, "pay_1")
    assert later.id == first.id
    others = {
        make_event(EventType.PAYMENT_BLOCKED, "OUT-1", NOON, {}, "pay_1").id,
        make_event(EventType.PAYMENT_PROCESSED, "OUT-2", NOON, {}, "pay_1").id,
        make_event(EventType.PAYMENT_PROCESSED, "OUT-1", NOON, {}, "pay_2").id,
    }
    assert len(others | {first.id}) == 4


def test_an_event_type_is_a_noun_and_a_past_verb() -> None:
    assert all(len(str(each).split(".")) == 2 and str(each).islower() for each in EventType)
