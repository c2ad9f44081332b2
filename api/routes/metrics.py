"""/metrics: what Prometheus reads, with METRICS_TOKEN or the API key of anybody but a claimant."""

import hmac
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry, generate_latest

from api.access.permissions import PUBLIC
from api.dependencies import Engine, Known, Running
from api.edge.engine_metrics import EngineCollector
from api.edge.request_metrics import REGISTRY
from domain.access.permissions import SHOWN_ALL
from domain.access.principals import check_permission
from domain.errors import Unauthenticated, Unavailable
from services.accounting.readiness.read_metrics import EngineFigures, read_metrics

router = APIRouter(tags=["health"])
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", dependencies=[PUBLIC])
async def get_metrics(
    engine: Running, principal: Known, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Requests by route and status, the process, and what waits where."""
    if principal is not None:
        # Sums over all parties are nothing for one of them.
        check_permission(principal, *SHOWN_ALL)
    elif not _has_token(engine, authorization):
        raise Unauthenticated(
            "metrics are shown to who has METRICS_TOKEN, sent as Authorization: Bearer, or an API key"
        )
    collector = CollectorRegistry()
    collector.register(EngineCollector(await _read(engine), datetime.now(UTC)))
    return Response(generate_latest(REGISTRY) + generate_latest(collector), media_type=TEXT)


def _has_token(engine: Engine, authorization: str | None) -> bool:
    wanted = engine.settings.metrics_token
    if wanted is None or authorization is None:
        return False
    expected = f"Bearer {wanted.get_secret_value()}"
    return hmac.compare_digest(authorization.encode(), expected.encode())


async def _read(engine: Engine) -> EngineFigures | None:
    try:
        return await read_metrics(engine.database)
    except Unavailable:
        return None
