"""Which outages a figure is about."""

from typing import Annotated

from fastapi import Depends, Query

from api.bodies import Text
from api.parsing.bounds import Bound, parse_bounds
from api.parsing.zones import CallerZone
from domain.analytics.trends import AnalyticsFilter
from domain.sla.verdicts import Severity

Site = Annotated[Text, Query(max_length=200, description="id or name of a site")]
AgreementFilter = Annotated[Text, Query(max_length=100, description="name of an agreement")]


async def get_filter(
    zone: CallerZone,
    date_from: Bound = None,
    date_to: Bound = None,
    severity: Severity | None = None,
    site: Site | None = None,
    agreement: AgreementFilter | None = None,
) -> AnalyticsFilter:
    """Both dates are inclusive days of the zone; `site` is an id or a name."""
    since, until = parse_bounds(date_from, date_to, zone=zone.zone)
    return AnalyticsFilter(since, until, severity, site, agreement)


Wanted = Annotated[AnalyticsFilter, Depends(get_filter)]


async def get_present_filter(
    severity: Severity | None = None,
    site: Site | None = None,
    agreement: AgreementFilter | None = None,
) -> AnalyticsFilter:
    """Of what is now there are no dates."""
    return AnalyticsFilter(None, None, severity, site, agreement)


WantedNow = Annotated[AnalyticsFilter, Depends(get_present_filter)]
