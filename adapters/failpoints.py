"""
Named points at which a test lets this process die, so that every row of the payment protocol is
proven under SIGKILL and not only argued.

Unarmed, which is always so outside tests, reaching a point costs one comparison.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable

# In the order of a payment's life, alone or in a batch. What has happened when each is reached:
POINTS = (
    "before_reserve",  # nothing
    "after_reserve",  # a channel and a sequence are reserved, nothing is signed
    "after_sign",  # signed, not stored
    "after_store",  # stored, not sent
    "after_send",  # sent, the answer is not recorded
    "after_note",  # the answer is recorded, its record in the workflow is not
    "before_observe",  # nothing more
    "after_observe",  # the proof is seen, not booked
    "in_booking",  # booked, not committed
    "after_book",  # committed, the answer is lost
    "in_failing",  # a failed attempt is closed, not committed
    "after_fail",  # committed, the answer is lost
    "after_block",  # parked, or left out of a batch, the answer is lost
    "after_raise_sign",  # a higher bid is signed, not stored
    "after_raise_store",  # stored, not sent
)

_armed: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that a point is reached; nothing happens unless a test has armed it."""
    if _armed is not None:
        _armed(point)


def arm(strike: Callable[[str], None] | None) -> None:
    """Call `strike` with every point reached from now on; None disarms."""
    global _armed
    _armed = strike


def arm_to_die(order: str) -> None:
    """Read "after_store:3": this process is killed when it reaches the point the third time."""
    point, _, count = order.partition(":")
    if point not in POINTS or not (count or "1").isdigit():
        raise SystemExit(f"Cannot start. FAILPOINT={order!r} names none of {', '.join(POINTS)}")
    reached: Counter[str] = Counter()

    def strike(here: str) -> None:
        reached[here] += 1
        if here == point and reached[here] == int(count or "1"):
            os.kill(os.getpid(), signal.SIGKILL)

    arm(strike)
