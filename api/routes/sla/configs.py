"""/sla/config: the terms in force for each severity; a change is a new version of the default policy."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from adapters.postgres.sla import policies
from api.access.permissions import require
from api.bodies import TermsBody, Text
from api.dependencies import Asked, Engine, Running
from api.responses import declare_problems
from api.routes.sla.policies import PolicyView
from domain.access.permissions import Permission
from domain.errors import Invalid
from domain.sla.configs import ConfigChange, compute_token
from domain.sla.policies import Policy
from domain.sla.verdicts import Severity
from services.sla.policies.change_config import ChangeConfig
from services.sla.policies.change_config import change_config as change
from services.sla.policies.read_history import read_history

router = APIRouter(prefix="/sla/config", tags=["sla"])
READ = [require(Permission.POLICIES_READ)]
WRITE = [require(Permission.POLICIES_WRITE)]
Token = Annotated[Text, Query(min_length=1, max_length=100)]


class TokenView(BaseModel):
    """Send it as `expected_token` to change these terms and no others; `severity` is null for all four."""

    severity: Severity | None
    token: str


class PublishedView(PolicyView):
    """A version of the default policy; nobody has published the first one."""

    published_by: str | None
    published_at: datetime | None


async def _get_in_force(engine: Engine) -> Policy:
    name = engine.settings.sla_policy
    async with engine.database.autocommit() as connection:
        return await policies.get_in_force(connection, name, datetime.now(UTC))


def _to_map(policy: Policy) -> dict[Severity, TermsBody]:
    return {severity: TermsBody.of(policy.terms[severity]) for severity in Severity}


@router.get("", dependencies=READ, responses=declare_problems(422))
async def get_config(engine: Running) -> dict[Severity, TermsBody]:
    """Show the terms in force today for each severity."""
    return _to_map(await _get_in_force(engine))


@router.put("", dependencies=WRITE, responses=declare_problems(409))
async def replace_config(
    body: dict[Severity, TermsBody],
    engine: Running,
    asked: Asked,
    expected_token: Token,
) -> dict[Severity, TermsBody]:
    """Replace the terms of all four severities, which must be those that the token names."""
    if set(body) != set(Severity):
        raise Invalid("body", "must hold exactly critical, high, medium and low")
    terms = {severity: each.terms() for severity, each in body.items()}
    wanted = ConfigChange(terms, None, expected_token)
    command = ChangeConfig(engine.settings.sla_policy, wanted, asked)
    return _to_map(await change(engine.database, command))


@router.get("/token", dependencies=READ)
async def get_config_token(engine: Running) -> TokenView:
    """Show the token of the terms of all four severities."""
    return TokenView(severity=None, token=compute_token(await _get_in_force(engine)))


@router.get("/history", dependencies=READ)
async def get_history(engine: Running) -> list[PublishedView]:
    """List every version of the default policy, the newest first, with who published it."""
    return [
        PublishedView(
            **dict(PolicyView.of(each.policy)),
            published_by=each.published_by,
            published_at=each.published_at,
        )
        for each in await read_history(engine.database, engine.settings.sla_policy)
    ]


@router.get("/{severity}", dependencies=READ)
async def get_terms(severity: Severity, engine: Running) -> TermsBody:
    """Show the terms in force today for one severity."""
    return TermsBody.of((await _get_in_force(engine)).terms[severity])


@router.get("/{severity}/token", dependencies=READ)
async def get_terms_token(severity: Severity, engine: Running) -> TokenView:
    """Show the token of one severity's terms."""
    policy = await _get_in_force(engine)
    return TokenView(severity=severity, token=compute_token(policy, severity))


@router.put("/{severity}", dependencies=WRITE, responses=declare_problems(409))
async def change_terms(
    severity: Severity,
    body: TermsBody,
    engine: Running,
    asked: Asked,
    expected_token: Token | None = None,
) -> TermsBody:
    """
    Put other terms of one severity in force, for outages that are detected from now on; with a token only
    if they are still those that it names.
    """
    wanted = ConfigChange({severity: body.terms()}, severity, expected_token)
    command = ChangeConfig(engine.settings.sla_policy, wanted, asked)
    policy = await change(engine.database, command)
    return TermsBody.of(policy.terms[severity])
