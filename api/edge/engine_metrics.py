"""What the database tells of the engine, in the form that Prometheus reads."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from adapters.postgres.metrics import StatusCount
from domain.accounting.troubles import TroubleCode
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import OutageStatus
from services.accounting.readiness.read_metrics import EngineFigures


class EngineCollector:
    """Metrics of one reading; without one, the database does not answer."""

    def __init__(self, figures: EngineFigures | None, now: datetime) -> None:
        self.figures = figures
        self.now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, with a 0 for each status and trouble that nothing has."""
        up = "Whether the database answers; without it there are no figures of the engine."
        yield GaugeMetricFamily("apexchainx_database_up", up, int(self.figures is not None))
        if self.figures is None:
            return
        yield make_counts("payments", "Payments", self.figures.payments, list(PaymentStatus))
        yield self._make_ages("payment", "Age of the oldest payment", self.figures.payments)
        yield make_counts("outages", "Outages", self.figures.outages, list(OutageStatus))
        deliveries = self.figures.deliveries
        yield GaugeMetricFamily(
            "apexchainx_deliveries_pending",
            "Deliveries that wait for a subscriber's server.",
            deliveries.count,
        )
        yield GaugeMetricFamily(
            "apexchainx_delivery_oldest_pending_seconds",
            "Age of the oldest delivery that waits; 0 when none does.",
            self._get_age(deliveries.oldest),
        )
        yield self._make_troubles(self.figures)
        yield GaugeMetricFamily(
            "apexchainx_analytics_unfolded",
            "Changes that each read of analytics adds up, because they are not folded yet.",
            self.figures.unfolded,
        )

    def _make_ages(self, name: str, what: str, counts: list[StatusCount]) -> Metric:
        family = GaugeMetricFamily(
            f"apexchainx_{name}_oldest_seconds", f"{what} in each status.", labels=["status"]
        )
        for each in counts:
            if each.oldest is not None:
                family.add_metric([each.status], self._get_age(each.oldest))
        return family

    def _make_troubles(self, figures: EngineFigures) -> Metric:
        family = GaugeMetricFamily(
            "apexchainx_settlement_trouble",
            "1 for each thing that keeps money from moving now.",
            labels=["code"],
        )
        found = {trouble.code for trouble in figures.troubles}
        for code in TroubleCode:
            family.add_metric([code], int(code in found))
        return family

    def _get_age(self, oldest: datetime | None) -> float:
        return 0.0 if oldest is None else max(0.0, (self.now - oldest).total_seconds())


def make_counts(name: str, what: str, counts: list[StatusCount], known: list[str]) -> Metric:
    """Return how many of a noun have each status that there is."""
    family = GaugeMetricFamily(f"apexchainx_{name}", f"{what} in each status.", labels=["status"])
    found = {each.status: each.count for each in counts}
    for status in known:
        family.add_metric([str(status)], found.get(str(status), 0))
    return family
