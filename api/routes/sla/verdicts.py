"""/sla: what would be owed, and what verdicts say."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from adapters.postgres.sla import outages, policies, verdicts
from api.access.permissions import require
from api.access.scopes import OutageScope, TermsScope
from api.bodies import Body, Text
from api.dependencies import Database, Running
from api.responses import declare_problems
from api.views import SlaView
from domain.access.permissions import Permission
from domain.sla.outage_rules import AGE_MINUTES_MAX, ID_MAX
from domain.sla.verdicts import Severity, Verdict, compute_payable, judge

router = APIRouter(prefix="/sla", tags=["sla"])
POLICIES_READ = [require(Permission.POLICIES_READ)]


class PreviewBody(Body):
    severity: Severity
    # A form that asks "what if" sends fractions; whatever else is no number is refused.
    mttr_minutes: float = Field(ge=0, le=AGE_MINUTES_MAX, allow_inf_nan=False, strict=True)
    policy: str | None = Field(None, max_length=100)


class ResultView(SlaView):
    """A revision of the verdict on an outage, and the terms that it rests on."""

    outage_id: str
    severity: Severity
    mttr_basis: str
    policy: str
    policy_version: int
    judged_at: datetime
    payment_id: str | None


@router.post("/preview", dependencies=POLICIES_READ)
async def preview(body: PreviewBody, engine: Running) -> SlaView:
    """Say what an outage would cost or earn today; fractions of a minute do not count."""
    name = body.policy or engine.settings.sla_policy
    async with engine.database.autocommit() as connection:
        policy = await policies.get_in_force(connection, name, datetime.now(UTC))
    return _show(judge(policy.terms[body.severity], int(body.mttr_minutes)))


def _show(verdict: Verdict) -> SlaView:
    compute_payable(verdict)
    return SlaView.of(verdict)


@router.get("/calculate", responses=declare_problems(404))
async def calculate(
    database: Database,
    scope: TermsScope,
    outage_id: Annotated[Text, Query(max_length=ID_MAX)],
    severity: Severity,
    mttr_minutes: Annotated[float, Query(ge=0, le=AGE_MINUTES_MAX, allow_inf_nan=False)],
) -> SlaView:
    """Say what an outage would cost or earn with this severity and these minutes, by the terms it is bound to."""
    async with database.autocommit() as connection:
        recorded = await outages.get(connection, outage_id, scope)
        policy = await policies.get_version(connection, recorded.policy, recorded.policy_version)
    return _show(judge(policy.terms[severity], int(mttr_minutes)))


@router.get(
    "/results/{outage_id}",
    responses=declare_problems(404),
)
async def list_results(
    outage_id: Annotated[Text, Path(max_length=ID_MAX)], database: Database, scope: OutageScope
) -> list[ResultView]:
    """List every revision of the verdict on an outage, the newest first; the newest one holds."""
    async with database.autocommit() as connection:
        await outages.get(connection, outage_id, scope)
        found = await verdicts.list_by_outage(connection, outage_id)
    return [
        ResultView.model_validate(asdict(each) | dict(SlaView.of(each.verdict, each.revision)))
        for each in reversed(found)
    ]
