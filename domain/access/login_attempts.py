"""
Login attempts: how long somebody who guesses has to wait.

Failures are counted by account and place together: the place is the browser that has logged in before, or else the
client's address. So whoever guesses from elsewhere never keeps the owner out.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

FREE_FAILURES = 3
# How the place begins that is a browser which has logged in before.
DEVICE = "device/"
DELAY_MAX = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LoginFailures:
    count: int
    last_at: datetime


def derive_counter(email: str, place: str) -> str:
    """Return the name under which failures are counted; it tells nothing of the address that was typed."""
    return hashlib.sha256(f"{email}\x1f{place}".encode()).hexdigest()


def name_place(address: str, device: str | None) -> str:
    """Name where somebody logs in from: a known device, or the network of an address."""
    if device is not None:
        return f"{DEVICE}{device}"
    return f"address/{get_network(address)}"


def get_network(address: str) -> str:
    """Return what one person commands: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def compute_wait(failures: LoginFailures | None, now: datetime) -> timedelta:
    """Return for how long the next attempt is refused: 1, 2, 4 ... seconds after the third failure."""
    if failures is None or failures.count < FREE_FAILURES:
        return timedelta(0)
    delay = min(timedelta(seconds=2 ** min(failures.count - FREE_FAILURES, 20)), DELAY_MAX)
    return max(failures.last_at + delay - now, timedelta(0))
