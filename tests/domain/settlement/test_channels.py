"""Waiting for a channel: payments farther back ask later, and no channel stays free for long."""

from datetime import UTC, datetime

import pytest

from domain.settlement.channels import (
    LOOK_AFTER_SECONDS,
    LOOK_WITHIN_SECONDS,
    QueuePosition,
    find_missing,
)

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "channels", "seconds"),
    [
        (0, 40, LOOK_AFTER_SECONDS),
        (39, 40, LOOK_AFTER_SECONDS),
        (400, 40, 10),
        (400, 10, 40),
        (100_000, 40, LOOK_WITHIN_SECONDS),
        (0, 0, LOOK_WITHIN_SECONDS),
    ],
)
def test_a_payment_farther_back_in_the_queue_asks_later(
    ahead: int, channels: int, seconds: float
) -> None:
    assert (QueuePosition(ahead, channels).next_check(NOW) - NOW).total_seconds() == seconds


def test_missing_channels_keep_their_order() -> None:
    assert find_missing(["a", "b", "c"], ["b"]) == ["a", "c"]
