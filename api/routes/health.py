"""/health: is the process alive, can it serve, and where is everything."""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from temporalio.service import RPCError

from api.access.permissions import PUBLIC
from api.dependencies import Engine, Known, Running
from api.responses import declare_problems
from domain.access.permissions import SHOWN_ALL
from domain.accounting.troubles import Trouble, TroubleCode
from domain.errors import NotFound, Unavailable
from domain.money import format_amount
from services.accounting.readiness.read_troubles import read_troubles

router = APIRouter(prefix="/health", tags=["health"], dependencies=[PUBLIC])


class HealthView(BaseModel):
    status: str


class TroubleView(BaseModel):
    """
    `missing` is in whole units: USDC, or XLM for the account of the fees. `sentence` and `subject` are
    null without an API key, and for claimants.
    """

    code: TroubleCode
    since: datetime | None
    count: int | None
    missing: str | None
    subject: str | None
    sentence: str | None

    @classmethod
    def of(cls, trouble: Trouble, *, detailed: bool) -> "TroubleView":
        missing = trouble.missing_stroops
        return cls(
            code=trouble.code,
            since=trouble.since,
            count=trouble.count,
            missing=None if missing is None else format_amount(missing),
            subject=trouble.subject or None if detailed else None,
            sentence=trouble.sentence if detailed else None,
        )


class SettlingView(BaseModel):
    status: Literal["ok", "troubled"]
    troubles: list[TroubleView]


class ReadinessView(BaseModel):
    """
    Of each part `ok`, or a sentence that says what is wrong with it; and what keeps money from moving,
    where the database answers.
    """

    status: Literal["ok", "unavailable"]
    parts: dict[str, str]
    settling: SettlingView | None = None


UNAVAILABLE = {
    "status": "unavailable",
    "parts": {"database": "the database does not answer; repeat the request", "temporal": "ok"},
}


class StackView(BaseModel):
    """Where the sandbox's parts listen. Shown in the sandbox only."""

    stellar_network: str
    stellar_rpc_url: str | None
    temporal_address: str
    temporal_ui_url: str | None


@router.get("")
@router.get("/liveness")
async def get_liveness() -> HealthView:
    """The process runs; nothing else is asked."""
    return HealthView(status="ok")


@router.get(
    "/readiness",
    response_model=ReadinessView,
    responses={
        503: {
            "model": ReadinessView,
            "description": "a part does not answer",
            "content": {"application/json": {"example": UNAVAILABLE}},
        }
    },
)
async def get_readiness(engine: Running, principal: Known) -> JSONResponse:
    """
    The database and Temporal answer, so requests can be served; and whether money moves. With an API
    key each trouble has its sentence, but with that of a claimant: it names what is others'.
    """
    parts = {"database": await _database(engine), "temporal": await _temporal(engine)}
    ready = all(state == "ok" for state in parts.values())
    shown: dict[str, Any] = {"status": "ok" if ready else "unavailable", "parts": parts}
    if parts["database"] == "ok":
        # What is wrong there keeps nobody from being served here.
        detailed = principal is not None and not principal.permissions.isdisjoint(SHOWN_ALL)
        shown["settling"] = await _settling(engine, detailed=detailed)
    return JSONResponse(shown, 200 if ready else 503)


async def _settling(engine: Engine, *, detailed: bool) -> dict[str, Any]:
    """What keeps money from moving: the codes and figures for anyone, the sentences too where it is `detailed`."""
    try:
        found = await read_troubles(engine.database)
    except Unavailable:
        # It answered a moment ago, so it is the work that it cannot do.
        sentence = "the database answers, and cannot carry out what it is asked"
        found = [Trouble(TroubleCode.WRITES_FAILING, sentence)]
    shown = [
        TroubleView.of(trouble, detailed=detailed).model_dump(mode="json") for trouble in found
    ]
    return {"status": "troubled" if found else "ok", "troubles": shown}


async def _database(engine: Running) -> str:
    try:
        await engine.database.ping()
    except Unavailable as error:
        return str(error)
    return "ok"


async def _temporal(engine: Running) -> str:
    try:
        await engine.temporal.service_client.check_health()
    except (RPCError, RuntimeError):
        return "Temporal does not answer; repeat the request"
    return "ok"


@router.get("/stack", responses=declare_problems(404))
async def get_stack(engine: Running) -> StackView:
    """Show where the parts of the sandbox listen; 404 elsewhere."""
    settings = engine.settings
    if settings.stellar_network != "sandbox":
        raise NotFound("the addresses of the stack are shown in the sandbox only")
    return StackView(
        stellar_network=settings.stellar_network,
        # The network may only be called a sandbox, and a provider's URL may hold a key.
        stellar_rpc_url=place_of(settings.stellar_rpc_url),
        temporal_address=settings.temporal_address,
        temporal_ui_url=settings.temporal_ui_url,
    )


def place_of(url: str | None) -> str | None:
    """Where a URL points to, without anything that may be secret."""
    if url is None:
        return None
    parts = urlsplit(url.split(",")[0].strip())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
