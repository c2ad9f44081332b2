"""
Time zones by the pinned tables: those of the package `tzdata`, never the machine's, which are older and differ
from one machine to the next.
"""

from datetime import tzinfo
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

TZDATA = version("tzdata")
_known: dict[str, ZoneInfo | None] = {}
_KNOWN_MAX = 1000


def find_pinned_zone(name: str) -> tzinfo | None:
    """Return the zone of a name that `is_zone_name` allows; None when there is none."""
    if name not in _known:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[name] = _load(name)
    return _known[name]


def _load(name: str) -> ZoneInfo | None:
    try:
        with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as content:
            return ZoneInfo.from_file(content, key=name)
    except (OSError, ValueError):
        return None
