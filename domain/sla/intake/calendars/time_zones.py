"""
Time zones: local times become instants only where there is exactly one that fits.

Names are those of the IANA database with a slash, or UTC. CET, EET, WET, MST, EST and other abbreviations
are refused: some have summer time in one database and none in the next.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from domain.errors import Invalid

# Returns the zone of an IANA name by the pinned tables, or None.
FindZone = Callable[[str], tzinfo | None]
_NAME = re.compile(r"[A-Z][A-Za-z_+-]*(/[A-Za-z0-9_+-]+){1,2}", re.ASCII)
NAME_MAX = 64


def is_zone_name(name: str) -> bool:
    """Whether a name is that of a place, of which every database says the same."""
    return name == "UTC" or (len(name) <= NAME_MAX and _NAME.fullmatch(name) is not None)


def find_zone(field: str, name: str, find: FindZone) -> tzinfo:
    """Return the zone of a name. Raises Invalid for an abbreviation, or a name that is not known."""
    if not is_zone_name(name):
        raise Invalid(
            field,
            f"must be UTC or a name such as Europe/Berlin, not {name[:60]!r}: what it means differs",
        )
    found = find(name)
    if found is None:
        raise Invalid(field, f"{name!r} is no time zone that is known")
    return found


def resolve_local(field: str, local: datetime, zone: tzinfo) -> datetime:
    """
    Return the one instant of a local time. Raises Invalid for a time that the clocks leave out, and for one
    that they show twice.
    """
    try:
        instants = sorted(
            {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        )
        fitting = [each for each in instants if each.astimezone(zone).replace(tzinfo=None) == local]
    except (OverflowError, ValueError):
        # At an end of the calendar, where an offset leads out of it.
        raise Invalid(field, f"{local.isoformat()} is no time that can be reckoned with") from None
    if not fitting:
        raise Invalid(field, f"{local.isoformat()} does not exist in its zone: the clocks skip it")
    if len(fitting) > 1:
        raise Invalid(field, f"{local.isoformat()} comes twice in its zone: send it in UTC")
    return fitting[0]
