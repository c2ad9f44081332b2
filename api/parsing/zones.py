"""In which time zone days begin: that of the caller, by the pinned tables and no others."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated

from fastapi import Depends, Query, Response

from adapters.time_zones import TZDATA, find_pinned_zone
from api.bodies import Text
from domain.sla.intake.calendars.time_zones import NAME_MAX, find_zone

UTC_NAME = "UTC"
ZoneName = Annotated[
    Text,
    Query(
        max_length=NAME_MAX,
        description="In which days begin: UTC, or a name of the IANA database such as Europe/Berlin",
    ),
]


@dataclass(frozen=True, slots=True)
class NamedZone:
    """A zone, and the version of the tables that say what its clocks show; UTC needs none."""

    name: str
    zone: tzinfo

    @property
    def tzdata(self) -> str | None:
        return None if self.name == UTC_NAME else TZDATA


def name_zone(field: str, name: str) -> NamedZone:
    """Return the zone of a name. Raises Invalid."""
    return NamedZone(name, find_zone(field, name, find_pinned_zone))


async def get_zone(response: Response, tz: ZoneName = UTC_NAME) -> NamedZone:
    """Say in a header by which tables a zone was read: an array of a trend has no other place for it."""
    found = name_zone("tz", tz)
    if found.tzdata is not None:
        response.headers["Tzdata-Version"] = found.tzdata
    return found


CallerZone = Annotated[NamedZone, Depends(get_zone)]
