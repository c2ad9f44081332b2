"""Which rows of an export are meant, where no list of the same name takes the same parameters."""

from typing import Annotated

from fastapi import Depends, Query

from adapters.postgres.exports.datasets import DisputeFilter, VerdictFilter
from adapters.postgres.exports.finance_rows import FinanceFilter
from api.bodies import Text
from api.parsing.bounds import Bound, parse_bounds
from domain.analytics.trends import AnalyticsFilter
from domain.errors import Invalid
from domain.exports.periods import parse_period
from domain.sla.disputes import DisputeStatus
from domain.sla.outage_rules import ID_MAX
from domain.sla.verdicts import PaymentType, Severity, SlaStatus

Name = Annotated[Text, Query(max_length=200)]
OutageId = Annotated[Text, Query(max_length=ID_MAX)]
Period = Annotated[str, Query(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")]


async def get_verdict_filter(
    outage_id: OutageId | None = None,
    status: SlaStatus | None = None,
    severity: Severity | None = None,
    site: Name | None = None,
    agreement: Name | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> VerdictFilter:
    since, until = parse_bounds(date_from, date_to)
    return VerdictFilter(outage_id, status, severity, site, agreement, since, until)


async def get_dispute_filter(
    outage_id: OutageId | None = None,
    status: DisputeStatus | None = None,
    agreement: Name | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> DisputeFilter:
    since, until = parse_bounds(date_from, date_to)
    return DisputeFilter(outage_id, status, agreement, since, until)


async def get_finance_filter(
    agreement: Name | None = None,
    type: PaymentType | None = None,
    period: Period | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> FinanceFilter:
    since, until = parse_bounds(date_from, date_to)
    if period is not None:
        if since is not None or until is not None:
            raise Invalid("period", "may not be sent with a date: it says both of them")
        since, until = parse_period(period)
    return FinanceFilter(agreement, type, since, until)


async def get_analytics_filter(
    severity: Severity | None = None,
    site: Name | None = None,
    agreement: Name | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> AnalyticsFilter:
    since, until = parse_bounds(date_from, date_to)
    return AnalyticsFilter(since, until, severity, site, agreement)


VerdictsWanted = Annotated[VerdictFilter, Depends(get_verdict_filter)]
DisputesWanted = Annotated[DisputeFilter, Depends(get_dispute_filter)]
AnalyticsWanted = Annotated[AnalyticsFilter, Depends(get_analytics_filter)]
FinanceWanted = Annotated[FinanceFilter, Depends(get_finance_filter)]
