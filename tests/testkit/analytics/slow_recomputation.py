"""
Analytics computed again, slowly and by other code: every row of outages, verdicts and postings is read, and
all is counted in Python. Which bucket an outage is in is said by the date that its zone's clocks show.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.time_zones import find_pinned_zone
from domain.analytics.trends import Totals


@dataclass(frozen=True)
class SlowOutage:
    """An outage with what is known of it, by the rows alone."""

    id: str
    agreement: str
    severity: str
    site_id: str | None
    site_name: str
    services: list[str]
    status: str
    detected_at: datetime
    ended_at: datetime | None
    minutes: int | None
    violated: bool
    rewards: int
    penalties: int

    @property
    def is_judged(self) -> bool:
        return self.status in {"disputable", "disputed", "settling", "closed"}


async def read_slowly(connection: AsyncConnection) -> list[SlowOutage]:
    async def read(statement: str) -> list[Any]:
        return list((await connection.exec_driver_sql(statement)).mappings())

    verdicts = defaultdict[str, list[Any]](list)
    for row in await read("SELECT * FROM sla_results ORDER BY revision"):
        verdicts[row["outage_id"]].append(row)
    of_payment = {row["payment_id"]: id_ for id_, rows in verdicts.items() for row in rows}
    payments = {row["id"]: row["payment_id"] for row in await read("SELECT * FROM entries")}
    spent = defaultdict[tuple[str, str], int](int)
    for row in await read("SELECT * FROM postings"):
        if (outage_id := of_payment.get(payments[row["entry_id"]])) is not None:
            spent[outage_id, row["account"]] += row["amount_stroops"]
    return [
        _make_outage(row, verdicts[row["id"]], spent) for row in await read("SELECT * FROM outages")
    ]


def _make_outage(row: Any, verdicts: list[Any], spent: dict[tuple[str, str], int]) -> SlowOutage:
    stands = row["status"] in {"disputable", "disputed", "settling", "closed"}
    newest = verdicts[-1] if verdicts and stands else None
    minutes, ended = None, row["resolved_at"]
    if newest is not None:
        minutes = newest["mttr_minutes"]
        if newest["mttr_basis"] == "decided":
            ended = row["detected_at"] + timedelta(minutes=minutes)
    elif stands:
        minutes = (row["resolved_at"] - row["detected_at"]) // timedelta(minutes=1)
    return SlowOutage(
        row["id"],
        row["agreement"],
        row["severity"] if newest is None else newest["severity"],
        row["site_id"],
        row["site_name"],
        row["affected_services"],
        row["status"],
        row["detected_at"],
        ended,
        minutes,
        newest is not None and newest["status"] == "violated",
        spent[row["id"], "expense:reward"],
        spent[row["id"], "expense:penalty"],
    )


def count(outages: Iterable[SlowOutage]) -> Totals:
    found = list(outages)
    judged = [each for each in found if each.is_judged]
    return Totals(
        outages=len(judged),
        violations=sum(each.violated for each in judged),
        rewards_stroops=sum(each.rewards for each in found),
        penalties_stroops=sum(each.penalties for each in found),
        minutes=sum(each.minutes or 0 for each in judged),
        detected=len(found),
        cancelled=sum(each.status == "cancelled" for each in found),
        voided=sum(each.status == "voided" for each in found),
    )


def count_by_date(
    outages: Iterable[SlowOutage], zone_name: str, cut: Callable[[date], date]
) -> dict[date, Totals]:
    """Count the outages of each bucket; `cut` returns the first day of the bucket of a day."""
    zone = find_pinned_zone(zone_name)
    assert zone is not None
    buckets = defaultdict[date, list[SlowOutage]](list)
    for each in outages:
        buckets[cut(each.detected_at.astimezone(zone).date())].append(each)
    return {day: count(found) for day, found in buckets.items()}


def list_percentiles(outages: Iterable[SlowOutage]) -> tuple[int | None, ...]:
    """Return the minutes of the outage at each rank, of all in order: the nearest rank."""
    minutes = sorted(
        each.minutes for each in outages if each.is_judged and each.minutes is not None
    )
    if not minutes:
        return (None,) * 4
    return tuple(minutes[math.ceil(len(minutes) * rank / 100) - 1] for rank in (50, 90, 95, 99))


def measure_down(
    outages: Iterable[SlowOutage], since: datetime, until: datetime, now: datetime
) -> timedelta:
    """Return for how long at least one of them was down, moving over all beginnings and ends in order."""
    moments: list[tuple[datetime, int]] = []
    for each in outages:
        begins, ends = max(each.detected_at, since), min(each.ended_at or now, until)
        if each.status != "cancelled" and begins < ends:
            moments += [(begins, 1), (ends, -1)]
    down, depth, began = timedelta(), 0, datetime.min.replace(tzinfo=UTC)
    for moment, change in sorted(moments, key=lambda each: (each[0], -each[1])):
        if depth == 0:
            began = moment
        depth += change
        if depth == 0:
            down += moment - began
    return down
