"""
Outages of the past that were settled elsewhere: on record with their verdict, and closed. Nothing is ever paid,
disputed or amended of them here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import Invalid
from domain.money import STROOPS_MAX, STROOPS_PER_UNIT
from domain.requests import Request
from domain.sla.bulk.source_rows import SourceRow
from domain.sla.imports import COLUMNS, clean_cell, parse_count, parse_instant, parse_row
from domain.sla.outage_rules import check_instant, check_resolution
from domain.sla.outages import Outage, Resolution
from domain.sla.verdicts import PaymentType, Rating, SlaStatus, Terms, Verdict, judge

AMOUNT_MAX = STROOPS_MAX // STROOPS_PER_UNIT
SETTLED_COLUMNS = (*COLUMNS, "mttr_minutes", "sla_status", "amount", "settled_at")


@dataclass(frozen=True, slots=True)
class SettledOutage:
    """An outage with its end; with the verdict that was settled, where the row states it."""

    source: SourceRow
    outage: Outage
    resolution: Resolution
    status: SlaStatus | None
    # Whole units of the asset, positive.
    amount: int | None
    settled_at: datetime | None

    def judge(self, terms: Terms) -> Verdict:
        """Return the verdict as it was settled; where it is not stated, the one that the terms give."""
        minutes = self.resolution.get_times(self.outage)[1]
        if self.status is None or self.amount is None:
            return judge(terms, minutes)
        threshold = terms.threshold_minutes
        if self.status is SlaStatus.VIOLATED:
            return Verdict(
                self.status, PaymentType.PENALTY, Rating.POOR, minutes, threshold, -self.amount
            )
        rating = judge(terms, minutes).rating if minutes <= threshold else Rating.GOOD
        return Verdict(self.status, PaymentType.REWARD, rating, minutes, threshold, self.amount)


def parse_settled_row(source: SourceRow, request: Request, now: datetime) -> SettledOutage:
    """Raises Invalid for what cannot be true, and names the column."""
    cells = {name: clean_cell(name, source.cells.get(name)) for name in SETTLED_COLUMNS}
    minutes = parse_count(cells, "mttr_minutes")
    item = parse_row(source.number, source.cells, request, now)
    ended = item.resolution
    if ended is None and minutes is None:
        raise Invalid("end_time", "is missing: an outage that is settled has an end")
    notes = (cells["root_cause"], cells["resolution_notes"])
    at = None if ended is None else ended.resolved_at
    resolution = Resolution(request, at, minutes, *notes)
    check_resolution(item.outage, resolution, now)
    settled_at = parse_instant(cells, "settled_at")
    if settled_at is not None:
        check_instant("settled_at", settled_at, now)
        if settled_at < resolution.get_times(item.outage)[0]:
            raise Invalid("settled_at", "is before the end of the outage: correct one of them")
    status, amount = _parse_verdict(cells)
    return SettledOutage(source, item.outage, resolution, status, amount, settled_at)


def _parse_verdict(cells: Mapping[str, Any]) -> tuple[SlaStatus | None, int | None]:
    given, amount = cells["sla_status"], parse_count(cells, "amount")
    if (given is None) is not (amount is None):
        missing = "sla_status" if given is None else "amount"
        raise Invalid(missing, "is missing: send sla_status and amount, or neither")
    if given is None or amount is None:
        return None, None
    if given not in set(SlaStatus):
        raise Invalid("sla_status", f"must be one of {', '.join(SlaStatus)}")
    if not 1 <= amount <= AMOUNT_MAX:
        raise Invalid("amount", f"must be 1 to {AMOUNT_MAX} whole USDC")
    return SlaStatus(given), amount
