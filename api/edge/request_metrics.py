"""How many requests are answered, how, and how fast: by the template of the route, never by an id."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REGISTRY = CollectorRegistry()
for collect in (ProcessCollector, PlatformCollector, GCCollector):
    collect(registry=REGISTRY)
_REQUESTS = Counter(
    "apexchainx_http_requests",
    "Requests answered, by method, route and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
_SECONDS = Histogram(
    "apexchainx_http_request_seconds",
    "How long an answer took, by method and route.",
    ("method", "route"),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_REFUSED = Counter(
    "apexchainx_http_refused",
    "What was refused before it was a request, by the code of the problem.",
    ("code",),
    registry=REGISTRY,
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer; whatever a caller makes up as a method is one of many others."""
    known = method if method in METHODS else "other"
    _REQUESTS.labels(known, route, str(status)).inc()
    _SECONDS.labels(known, route).observe(seconds)


def count_refusal(code: str) -> None:
    """Count what the connection itself refused."""
    _REFUSED.labels(code).inc()
