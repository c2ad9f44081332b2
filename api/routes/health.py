"""/health: is the process alive, can it serve, and where is everything."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from temporalio.service import RPCError

from adapters.postgres import networks
from api.dependencies import Running
from api.responses import declare_problems
from domain.errors import NotFound, Unavailable

MEND = "a person must act: see the lines with ALARM in the settlement worker's log"
router = APIRouter(prefix="/health", tags=["health"])


class HealthView(BaseModel):
    status: str


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


@router.get("/readiness", responses={503: {"description": "a part does not answer"}})
async def get_readiness(engine: Running) -> JSONResponse:
    """The database and Temporal answer, so requests can be served."""
    parts = {"database": await _database(engine), "temporal": await _temporal(engine)}
    ready = all(state == "ok" for state in parts.values())
    # What is wrong there keeps nobody from being served here.
    shown = parts | {"settlement": await _settlement(engine)} if ready else parts
    return JSONResponse(
        {"status": "ok" if ready else "unavailable", "parts": shown}, 200 if ready else 503
    )


async def _settlement(engine: Running) -> str:
    """Whether a person must mend something for money to move, as the signer last saw it."""
    try:
        async with engine.database.autocommit() as connection:
            troubled = await networks.list_troubles(connection)
    except Unavailable as error:
        return str(error)
    # Anyone may ask here, so what exactly is wrong stays in the log.
    return MEND if troubled else "ok"


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
