"""
How an event is delivered: to whom, how often it is tried, and when a receiver is given up.

The id stays the same over all attempts of a delivery, so a receiver can drop repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"


TRANSITIONS: Mapping[DeliveryStatus, frozenset[DeliveryStatus]] = {
    # the receiver answered 2xx; or it did not before we gave up
    DeliveryStatus.PENDING: frozenset({DeliveryStatus.SUCCESS, DeliveryStatus.FAILED}),
    DeliveryStatus.SUCCESS: frozenset(),
    # the answer to the last post came when we had given up; or somebody has it tried again
    DeliveryStatus.FAILED: frozenset({DeliveryStatus.SUCCESS, DeliveryStatus.PENDING}),
}
# Moves that only the use case may make that names where they begin: a person's request to try again.
NAMED_MOVES = frozenset({(DeliveryStatus.FAILED, DeliveryStatus.PENDING)})


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """
    One post of a delivery, counted from 1 over all runs, and the receiver's answer: `response_code` is None
    when there was none, `excerpt` the beginning of its body. `next_attempt_at` is None when it was the last.
    `due_at` and `earlier_attempts` are those of the delivery when it was posted: whoever wants it tried anew changes them.
    """

    delivery_id: str
    attempt: int
    at: datetime
    latency_ms: int
    response_code: int | None
    problem: str = ""
    excerpt: str = ""
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    earlier_attempts: int = 0

    @property
    def delivered(self) -> bool:
        return self.response_code is not None and 200 <= self.response_code < 300

    @property
    def status(self) -> DeliveryStatus:
        """What the delivery is after this attempt."""
        if self.delivered:
            return DeliveryStatus.SUCCESS
        return DeliveryStatus.FAILED if self.next_attempt_at is None else DeliveryStatus.PENDING


# Pauses after the first attempt, the second, and so on: that of a receiver which is down for a moment is
# short, and one that is down over a week's holiday still gets everything.
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAUSES: Sequence[timedelta] = (
    *(timedelta(seconds=5), timedelta(seconds=30), 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 12 * _HOUR, *([_DAY] * 7)),
)
ATTEMPTS_MAX = len(PAUSES) + 1
# How much longer a pause may become, so that what failed together is not tried together.
JITTER = 0.1
RETRY_AFTER_MAX = _DAY
# A receiver that only fails is disabled: not before so many failures, nor before so long.
DISABLING_FAILURES, DISABLING_AFTER = 20, 5 * _DAY
# A receiver that was disabled because it only failed is probed so often; one that is gone is not.
PROBE_PAUSE = timedelta(hours=1)
GONE = 410

# Whoever is about to post a delivery holds it so long: longer than an attempt takes with all that belongs to it.
LEASE = timedelta(seconds=30)
# How many posts to one receiver may be on their way at once, from one process; and to one that has failed so
# many times in a row, of which each may take 15 seconds.
CONCURRENT_POSTS, CONCURRENT_POSTS_FAILING, FAILING = 16, 1, 8
# How many posts to one receiver may leave in a second, from one process.
POSTS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Room:
    """Of one receiver: how many posts are on their way to it, and how many more may leave now."""

    posts: int
    rate: int


@dataclass(frozen=True, slots=True)
class TriedDeliveries:
    """Of the deliveries of an outage's events: how many there are, are delivered, and were not tried yet."""

    total: int
    delivered: int
    untried: int = 0

    def describe(self) -> str:
        """Return in words how many subscribers know all of it."""
        if not self.total:
            return "nobody subscribes to its events"
        rest = "; the others are tried on" if self.delivered < self.total else ""
        return f"{self.delivered} of {self.total} deliveries are accepted{rest}"


def compute_pause(
    attempt: int, retry_after: str | None, at: datetime, jitter: float
) -> timedelta | None:
    """
    Return the pause after an attempt that failed; None when it was the last one.

    `retry_after` is the receiver's header of that name (RFC 9110): seconds, or a date. It makes a pause
    longer, never shorter, and not longer than a day. `jitter` is from 0 to 1.
    """
    if attempt >= ATTEMPTS_MAX:
        return None
    asked = min(parse_retry_after(retry_after, at), RETRY_AFTER_MAX)
    return max(PAUSES[attempt - 1], asked) * (1 + JITTER * jitter)


def parse_retry_after(text: str | None, at: datetime) -> timedelta:
    """Return how long a receiver asks to be left alone; nothing when it does not say so in a way that is defined."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MAX)
    try:
        then = parsedate_to_datetime(text)
        return max(then.replace(tzinfo=then.tzinfo or UTC) - at, timedelta())
    except (ValueError, OverflowError):
        return timedelta()


def find_disabling_reason(
    attempt: DeliveryAttempt, failures: int, failing_since: datetime | None
) -> str | None:
    """Return why a receiver is disabled after an attempt; None while it is not. Both count this attempt."""
    if attempt.response_code == GONE:
        return "it answered 410 Gone: it wants no events any more"
    if failing_since is None or failures < DISABLING_FAILURES:
        return None
    if attempt.at - failing_since < DISABLING_AFTER:
        return None
    return (
        f"none of {failures} attempts succeeded since {failing_since.isoformat(timespec='seconds')}"
    )


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as it stands, with the event that it carries and the receiver it is for."""

    id: str
    event_id: str
    webhook_id: str
    status: DeliveryStatus
    attempts: int
    response_code: int | None
    problem: str | None
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None
    type: str
    outage_id: str | None
    url: str
    correlation_id: str
