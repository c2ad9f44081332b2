"""The HTTP facade: open the adapters, mount the routers, render every error the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import Depends, FastAPI

from adapters import temporal
from adapters.postgres.database import Database
from adapters.setting_types import split_origins
from adapters.settings import ApiSettings, load
from api import problems, responses
from api.access.opening import close_access, open_access
from api.access.permissions import deny_unmarked
from api.console.problem_pages import ProblemPages
from api.console.routers import ROUTERS
from api.dependencies import Engine, bind_subjects
from api.documents import pages
from api.middleware import PREFIX, Guards
from api.parsing.content_types import refuse_foreign_content
from api.parsing.deprecations import add_deprecations
from api.parsing.query_parameters import refuse_unknown_parameters
from api.protocol.etags import EntityTags
from api.protocol.exact_paths import ExactPaths, list_exact_paths
from api.protocol.idempotency import Idempotency, guard_routes
from api.routes import audit, deliveries, events, health, metrics, webhooks
from api.routes.access import (
    api_keys,
    key_sets,
    people,
    session_events,
    sessions,
    webhook_secrets,
)
from api.routes.accounting import break_resolutions, integrity_checks, reconciliation
from api.routes.analytics import exposure, mttr, snapshots, trends, uptime
from api.routes.exports import export_jobs, exports
from api.routes.jobs import file_imports, jobs, recomputations
from api.routes.jobs import snapshots as snapshot_jobs
from api.routes.settlement import (
    approvals,
    circuit_breakers,
    limits,
    manual_matches,
    payments,
    payouts,
    user_wallets,
    wallets,
)
from api.routes.sla import (
    agreements,
    amendments,
    configs,
    disputes,
    imports,
    listings,
    outages,
    parties,
    policies,
    reversals,
    treasuries,
    verdicts,
)
from api.routes.sla.intake import (
    episodes,
    maintenance_windows,
    messages,
    receptions,
    sources,
)
from domain.sla.agreements.agreements import Agreement
from services.access.bootstrap import bootstrap

# What stands under /outages, /payments or /wallets by a name of its own goes before the one of any id.
SLA = (
    imports,
    listings,
    outages,
    amendments,
    reversals,
    disputes,
    verdicts,
    configs,
    policies,
)
ANALYTICS = (trends, mttr, exposure, snapshots, uptime)
INTAKE = (sources, episodes, messages, maintenance_windows, receptions)
MONEY = (limits, treasuries, circuit_breakers, approvals, manual_matches, payments)
PARTIES = (parties, agreements, user_wallets, wallets, payouts)
PROOFS = (reconciliation, break_resolutions, integrity_checks, audit)
EXPORTS = (exports, export_jobs)
JOBS = (recomputations, snapshot_jobs, jobs, file_imports)
NOUNS = (
    *(sessions, session_events, people, api_keys, key_sets),
    *(*SLA, *ANALYTICS, *INTAKE, *MONEY, *PARTIES),
    *(*PROOFS, events, webhooks, webhook_secrets, deliveries, *EXPORTS, *JOBS, health),
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings or load(ApiSettings)
    database = Database(settings.database_url, connections_max=10, reads=True)
    # Lazily: the facade may start before the server it speaks to.
    client = await temporal.connect(
        settings.temporal_address, settings.temporal_namespace, lazy=True
    )
    key = settings.bootstrap_api_key.get_secret_value()
    await bootstrap(database, key, _agreement(settings), datetime.now(UTC))
    access = await open_access(settings, database)
    app.state.engine = Engine(settings, database, client, access)
    yield
    await close_access(access)
    await database.close()


def _agreement(settings: ApiSettings) -> Agreement:
    """Who pays whom by default."""
    return Agreement(
        settings.sla_agreement,
        bond=settings.stellar_bond_address,
        pool=settings.stellar_pool_address,
        provider=settings.stellar_provider_address,
        beneficiary=settings.stellar_beneficiary_address,
    )


def create_app(settings: ApiSettings | None = None, *, prefix: str = PREFIX) -> FastAPI:
    """Build the application; without settings, which have a prefix too, they are read at start-up."""
    app = FastAPI(
        title="ApexChainx",
        version=version("apexchainx"),
        lifespan=lifespan,
        dependencies=[
            Depends(bind_subjects),
            Depends(add_deprecations),
            Depends(deny_unmarked),
            Depends(refuse_unknown_parameters),
            Depends(refuse_foreign_content),
        ],
        redirect_slashes=False,
        openapi_url=None,  # api/documents/pages.py serves it
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings, app.state.documents = settings, None
    app.state.prefix = prefix = settings.api_v1_prefix if settings else prefix
    app.state.exact_paths = list_exact_paths([noun.router for noun in NOUNS], prefix)
    guard_routes(noun.router for noun in NOUNS)
    for noun in NOUNS:
        app.include_router(noun.router, prefix=prefix)
    # Probes look for health at the root as well.
    for other in (health, metrics, pages, key_sets):
        app.include_router(other.router, include_in_schema=False)
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    problems.install(app)
    responses.install(app, [noun.router for noun in NOUNS], prefix)
    # The last one stands before the others.
    app.add_middleware(ExactPaths)
    app.add_middleware(Idempotency)
    app.add_middleware(EntityTags)
    app.add_middleware(Guards, split_origins(settings.allowed_origins) if settings else ())
    app.add_middleware(ProblemPages)
    return app
