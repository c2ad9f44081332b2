"""One generated outage after another: when, where, how grave, how long, and what became of it."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from devstack.generate.populations import (
    CAUSES,
    MEDIAN_MINUTES,
    SERVICES,
    SEVERITIES,
    SEVERITY_SHARES,
    TEAMS,
    BoundParties,
    Population,
    Site,
    choose,
)
from domain.settlement.payments import derive_number
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity, Terms, Verdict, judge

YEARS = timedelta(days=3 * 365)
# Outages of the last days may go on, and after those it is open to disputes for one.
RUNNING, WINDOW = timedelta(days=3), timedelta(days=1)
RUNNING_RATIO, CANCELLED_RATIO, DISPUTED_RATIO, VOIDED_RATIO = 0.35, 0.02, 0.03, 0.002
NETWORK = "Generated; on no chain"
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class GeneratedOutage:
    """What all of its rows follow from. `verdicts` are its revisions; the last one is owed."""

    id: str
    n: int
    site: Site
    severity: str
    status: OutageStatus
    agreement: BoundParties
    detected_at: datetime
    declared_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    minutes: int
    verdicts: tuple[Verdict, ...]
    is_disputed: bool
    assigned_to: str | None
    cause: str
    services: tuple[str, ...]
    subscribers: int

    @property
    def deadline(self) -> datetime | None:
        return None if self.resolved_at is None else self.resolved_at + WINDOW

    @property
    def number(self) -> int:
        return derive_number(NETWORK, NOBODY, self.id, len(self.verdicts))


class OutageSource:
    """Outages from a seed, numbered from one on; any part of them is the same again."""

    def __init__(self, seed: int, until: datetime, terms: Mapping[Severity, Terms]) -> None:
        self.population = Population(seed)
        self._seed, self._until = seed, until
        self._terms = {str(name): each for name, each in terms.items()}

    def draw_outages(self, first: int, count: int) -> Iterator[GeneratedOutage]:
        for n in range(first, first + count):
            yield self._draw_outage(n)

    def _draw_outage(self, n: int) -> GeneratedOutage:
        draw = random.Random(f"{self._seed}/{n}")  # noqa: S311 - repeatable, not secret
        severity = draw.choices(SEVERITIES, SEVERITY_SHARES)[0]
        detected = self._until - timedelta(seconds=int(draw.random() * YEARS.total_seconds()))
        declared = detected + timedelta(seconds=draw.randrange(20, 900))
        minutes = max(1, min(20_000, round(MEDIAN_MINUTES[severity] * draw.lognormvariate(0, 0.9))))
        ended = detected + timedelta(minutes=minutes)
        status = self._draw_status(draw, detected, ended)
        is_judged = status not in (OutageStatus.DECLARED, OutageStatus.CANCELLED)
        verdicts = [judge(self._terms[severity], minutes)] if is_judged else []
        is_disputed = status is OutageStatus.DISPUTED
        if status is OutageStatus.CLOSED and draw.random() < DISPUTED_RATIO:
            is_disputed = True
            if draw.random() < 0.5:
                verdicts.append(judge(self._terms[severity], max(0, minutes - 10)))
        population = self.population
        closed = status in (OutageStatus.CLOSED, OutageStatus.VOIDED, OutageStatus.CANCELLED)
        return GeneratedOutage(
            id=f"GEN{self._seed}-{n:08}",
            n=n,
            site=choose(draw, population.sites, population.site_weights),
            severity=severity,
            status=status,
            agreement=draw.choices(population.agreements, cum_weights=population.agreement_weights)[
                0
            ],
            detected_at=detected,
            declared_at=declared,
            resolved_at=ended if is_judged else None,
            closed_at=ended + WINDOW + timedelta(minutes=1) if closed else None,
            minutes=minutes,
            verdicts=tuple(verdicts),
            is_disputed=is_disputed,
            assigned_to=f"team-{draw.randrange(TEAMS):02}" if draw.random() < 0.85 else None,
            cause=draw.choice(CAUSES),
            services=tuple(draw.sample(SERVICES, draw.randrange(1, 4))),
            subscribers=int(draw.lognormvariate(6, 1.5)),
        )

    def _draw_status(
        self, draw: random.Random, detected: datetime, ended: datetime
    ) -> OutageStatus:
        age, chance = self._until - detected, draw.random()
        if ended > self._until or (age < RUNNING and chance < RUNNING_RATIO):
            return OutageStatus.DECLARED
        if ended + WINDOW + timedelta(minutes=1) > self._until:
            return OutageStatus.DISPUTED if chance > 0.9 else OutageStatus.DISPUTABLE
        if chance > 1 - CANCELLED_RATIO:
            return OutageStatus.CANCELLED
        voided = chance > 1 - CANCELLED_RATIO - VOIDED_RATIO
        return OutageStatus.VOIDED if voided else OutageStatus.CLOSED


def choose_end(at: datetime | None) -> datetime:
    """Return until when outages are generated: the day that has begun, unless another instant is named."""
    now = datetime.now(UTC) if at is None else at
    return now.replace(hour=0, minute=0, second=0, microsecond=0) if at is None else now
