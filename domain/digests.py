"""
Canonical JSON (RFC 8785), and the ids derived from it: the same content has the same bytes in every language.

Members are sorted by the UTF-16 code units of their names, numbers are written as ECMAScript
writes a double, and an integer that no double holds exactly is refused: it has to be a string.
"""

import hashlib
import math
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

INTEGER_MAX = 2**53 - 1
_LITERALS = {None: "null", True: "true", False: "false"}


class NotCanonical(ValueError):
    """The content has no canonical form; the sentence says which value, and what to do."""


def encode(content: Any) -> bytes:
    """Return the canonical bytes of null, booleans, numbers, strings, and lists and dicts of them."""
    try:
        return _encode_value(content).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(f"a string holds half a surrogate pair: {error.reason}") from None


def _encode_value(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or value is True or value is False:
        return _LITERALS[value]
    if isinstance(value, int):
        return _encode_integer(value)
    if isinstance(value, float):
        return _encode_double(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_encode_value, value))}]"
    if isinstance(value, dict):
        return _encode_object(value)
    raise NotCanonical(f"a {type(value).__name__} is no JSON value; convert it to a string")


def _encode_object(members: dict[Any, Any]) -> str:
    for name in members:
        if not isinstance(name, str):
            raise NotCanonical(f"the member name {name!r} is not a string")
    # Only outside of ASCII does the order of code units differ from that of characters.
    names = (
        sorted(members)
        if all(map(str.isascii, members))
        else sorted(members, key=_encode_code_units)
    )
    return f"{{{','.join(f'{encode_basestring(name)}:{_encode_value(members[name])}' for name in names)}}}"


def _encode_code_units(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _encode_integer(value: int) -> str:
    if abs(value) > INTEGER_MAX:
        raise NotCanonical(f"{value} is beyond 2^53 - 1 and loses digits elsewhere; send a string")
    return str(value)


def _encode_double(value: float) -> str:
    """Write a double as ECMAScript's Number::toString does: the shortest digits that read back."""
    if not math.isfinite(value):
        raise NotCanonical(f"{value} is no JSON number")
    if value == 0:
        return "0"  # also the negative one
    sign = "-" if value < 0 else ""
    # Python finds the same shortest digits and only lays them out otherwise.
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(exponent or 0)
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """Place the decimal point after `point` digits: plainly from 1e-7 up to 1e21, else with an e."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def format_instant(moment: datetime) -> str:
    """Write a UTC instant the one way it is written in payloads: 2026-01-31T12:00:00.000000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _convert_to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(_convert_to_json(key)): _convert_to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_convert_to_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        # Not by asdict, which copies every value deeply before: that was half of what a digest costs.
        return {each.name: _convert_to_json(getattr(value, each.name)) for each in fields(value)}
    return value


def canonicalize(content: Any) -> bytes:
    """
    Return the RFC 8785 canonical JSON of a dataclass or plain value, so that any language can
    recompute a hash of it. Instants are RFC 3339 strings of one form, amounts strings of stroops.
    """
    return encode(_convert_to_json(content))


def compute_fingerprint(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonicalize(content)).hexdigest()


def derive_id(prefix: str, *parts: str) -> str:
    """Return a stable id such as evt_9f...: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:24]}"
