"""The HTTP facade: open the adapters, mount the routers, render every error the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI

from adapters import temporal
from adapters.postgres.database import Database
from adapters.settings import ApiSettings, load
from api import problems, responses
from api.access.permissions import deny_unmarked
from api.dependencies import Engine, bind_subjects
from api.middleware import PREFIX, Guards
from api.parsing.query_parameters import refuse_unknown_parameters
from api.routes import events, health, webhooks
from api.routes.accounting import break_resolutions, integrity_checks, reconciliation
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
    amendments,
    analytics,
    configs,
    disputes,
    imports,
    listings,
    outages,
    policies,
    verdicts,
)
from domain.sla.policies import Agreement
from services.access.bootstrap import bootstrap

DESCRIPTION = "From an outage to a paid, disputable, audited SLA settlement."


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings or load(ApiSettings)
    database = Database(settings.database_url, connections_max=10)
    # Lazily: the facade may start before the server it speaks to.
    client = await temporal.connect(
        settings.temporal_address, settings.temporal_namespace, lazy=True
    )
    key = settings.bootstrap_api_key.get_secret_value()
    await bootstrap(database, key, _agreement(settings))
    app.state.engine = Engine(settings, database, client)
    app.state.principals = {}
    yield
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


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """Build the application; without settings they are read from the environment at start-up."""
    app = FastAPI(
        title="ApexChainx",
        version=version("apexchainx"),
        description=DESCRIPTION,
        lifespan=lifespan,
        dependencies=[
            Depends(bind_subjects),
            Depends(deny_unmarked),
            Depends(refuse_unknown_parameters),
        ],
    )
    app.state.settings = settings
    # What stands under /outages, /payments or /wallets by a name of its own goes before the one of any id.
    sla = (imports, listings, outages, amendments, disputes, verdicts, configs, policies, analytics)
    money = (limits, circuit_breakers, approvals, manual_matches, payments)
    parties = (user_wallets, wallets, payouts)
    proofs = (reconciliation, break_resolutions, integrity_checks)
    nouns = (*sla, *money, *parties, *proofs, events, webhooks, health)
    for noun in nouns:
        app.include_router(noun.router, prefix=PREFIX)
    # Probes look for health at the root as well.
    app.include_router(health.router, include_in_schema=False)
    problems.install(app)
    responses.install(app, [noun.router for noun in nouns])
    app.add_middleware(Guards)
    return app
