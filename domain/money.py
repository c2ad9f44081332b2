"""Money is a whole number of stroops: one ten-millionth of a Stellar asset unit."""

import re

from domain.errors import Invalid

STROOPS_PER_UNIT = 10_000_000
# The largest amount a Stellar balance can hold: a signed 64-bit integer.
STROOPS_MAX = 2**63 - 1

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,7}))?", re.ASCII)


def convert_to_stroops(units: int) -> int:
    """Return `units` whole units of the asset as stroops, sign kept."""
    return units * STROOPS_PER_UNIT


def parse_amount(text: str, field: str = "amount") -> int:
    """Read a plain decimal such as "12.5" as stroops; refuse everything else, never round."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise Invalid(field, f"{text!r} is not a plain decimal with at most 7 decimals")
    whole, fraction = match[1], (match[2] or "").ljust(7, "0")
    amount = int(whole) * STROOPS_PER_UNIT + int(fraction)
    if not 0 < amount <= STROOPS_MAX:
        raise Invalid(field, f"{text!r} must be more than 0 and fit a Stellar balance")
    return amount


def format_amount(amount_stroops: int) -> str:
    """Write stroops as a plain decimal without trailing zeros: 125000000 is "12.5"."""
    sign = "-" if amount_stroops < 0 else ""
    whole, fraction = divmod(abs(amount_stroops), STROOPS_PER_UNIT)
    digits = f"{fraction:07d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
