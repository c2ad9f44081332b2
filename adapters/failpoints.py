"""
Failpoints: named lines at which a test kills this process, to prove every step of the payment protocol.

Outside tests none is armed, and reaching one costs one comparison.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable

# In the order of a payment's protocol, alone or in a batch; the comment says what has happened by then.
POINTS = (
    "before_reserve",  # nothing
    "after_reserve",  # a channel and a sequence are reserved, nothing is signed
    "after_sign",  # signed, not stored
    "after_store",  # stored, not sent
    "after_send",  # sent, the answer is not recorded
    "after_note",  # the answer is recorded, its record in the workflow is not
    "before_observe",  # nothing more
    "after_observe",  # the proof is seen, not posted
    "in_booking",  # posted, not committed
    "after_book",  # committed, the result is lost
    "in_failing",  # a failed attempt is closed, not committed
    "after_fail",  # committed, the result is lost
    "after_block",  # blocked, or removed from a batch; the result is lost
    "after_raise_sign",  # a higher bid is signed, not stored
    "after_raise_store",  # stored, not sent
)

# Where the worker of outages can die: a step is committed, and its result is lost.
OUTAGE_POINTS = (
    *("after_record", "after_amend", "after_cancel", "after_judge", "after_owe", "after_close"),
    *("after_file", "after_review", "after_decide"),
)

# Where the API can die, with the writes of a request that bears an Idempotency-Key.
API_POINTS = (
    "before_answer",  # everything is written, nothing is committed
    "after_answer",  # committed with its answer, which is not sent
)

_armed: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Mark that a failpoint is reached; nothing happens unless a test has armed it."""
    if _armed is not None:
        _armed(point)


def arm(strike: Callable[[str], None] | None) -> None:
    """Call `strike` with every failpoint reached from now on; None disarms them."""
    global _armed
    _armed = strike


def arm_to_die(order: str) -> None:
    """Arm by a text such as "after_store:3": the process dies when it reaches the point the third time."""
    point, _, count = order.partition(":")
    known = POINTS + OUTAGE_POINTS + API_POINTS
    if point not in known or not (count or "1").isdigit():
        raise SystemExit(
            f"Cannot start. FAILPOINT={order!r} is not NAME or NAME:COUNT with a name of "
            f"{', '.join(known)}"
        )
    reached: Counter[str] = Counter()

    def strike(here: str) -> None:
        reached[here] += 1
        if here == point and reached[here] == int(count or "1"):
            os.kill(os.getpid(), signal.SIGKILL)

    arm(strike)
