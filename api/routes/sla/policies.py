"""/sla: what would be owed, and the policies that say so."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from adapters.postgres.sla import policies, verdicts
from api.access.permissions import require
from api.bodies import Body, Day, Instant, Text, get_bounds
from api.dependencies import Asked, Caller, Database, Running
from api.responses import declare_problems
from api.views import SlaView, to_number
from domain.access.permissions import Permission
from domain.sla.outage_rules import AGE_MINUTES_MAX
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms, compute_payable, judge
from services.sla.policies.publish_policy import PublishPolicy
from services.sla.policies.publish_policy import publish_policy as publish

router = APIRouter(prefix="/sla", tags=["sla"])
READ = [require(Permission.POLICIES_READ)]
DAY = 86_400


class PreviewBody(Body):
    severity: Severity
    # A form that asks "what if" sends fractions; whatever else is no number is refused.
    mttr_minutes: float = Field(ge=0, le=AGE_MINUTES_MAX, allow_inf_nan=False, strict=True)
    policy: str | None = Field(None, max_length=100)


class TermsBody(Body):
    """Whole minutes and whole USDC."""

    threshold_minutes: int = Field(strict=True)
    penalty_per_minute: int = Field(strict=True)
    reward_base: int = Field(strict=True)


class PolicyBody(Body):
    """A version to publish; it holds from `effective_from`, by default and with null from the beginning."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9-]*$")
    effective_from: Instant | None = None
    dispute_window_seconds: int = Field(DAY, strict=True)
    decision_window_seconds: int = Field(14 * DAY, strict=True)
    terms: dict[Severity, TermsBody]

    def policy(self) -> Policy:
        return Policy(
            self.name,
            0,
            self.effective_from or BEGINNING_OF_TIME,
            self.dispute_window_seconds,
            self.decision_window_seconds,
            {name: Terms(**terms.model_dump()) for name, terms in self.terms.items()},
        )


class PolicyView(BaseModel):
    """`effective_from` is null for a version that holds from the beginning."""

    name: str
    version: int
    effective_from: datetime | None
    dispute_window_seconds: int
    decision_window_seconds: int
    terms: dict[Severity, TermsBody]
    terms_hash: str
    digest: str

    @classmethod
    def of(cls, policy: Policy) -> "PolicyView":
        terms = {
            name: TermsBody(
                threshold_minutes=entry.threshold_minutes,
                penalty_per_minute=entry.penalty_per_minute,
                reward_base=entry.reward_base,
            )
            for name, entry in policy.terms.items()
        }
        since = policy.effective_from
        return cls(
            name=policy.name,
            version=policy.version,
            effective_from=None if since == BEGINNING_OF_TIME else since,
            dispute_window_seconds=policy.dispute_window_seconds,
            decision_window_seconds=policy.decision_window_seconds,
            terms=terms,
            terms_hash=str(policy.terms_hash()),
            digest=policy.digest(),
        )


class DashboardView(BaseModel):
    """Totals over the judged outages that are asked for, in USDC; penalties are positive."""

    total_outages: int
    total_violations: int
    total_rewards: int | float
    total_rewards_stroops: str
    total_penalties: int | float
    total_penalties_stroops: str
    net_payout: int | float
    net_payout_stroops: str


async def _in_force(database: Database, name: str) -> Policy:
    async with database.autocommit() as connection:
        return await policies.get_in_force(connection, name, datetime.now(UTC))


@router.post("/preview", dependencies=READ)
async def preview(body: PreviewBody, engine: Running) -> SlaView:
    """Say what an outage would cost or earn today; fractions of a minute do not count."""
    policy = await _in_force(engine.database, body.policy or engine.settings.sla_policy)
    verdict = judge(policy.terms[body.severity], int(body.mttr_minutes))
    compute_payable(verdict)
    return SlaView.of(verdict)


@router.get("/config", dependencies=READ, responses=declare_problems(422))
async def get_config(engine: Running) -> dict[Severity, TermsBody]:
    """Show the terms in force today for each severity."""
    return PolicyView.of(await _in_force(engine.database, engine.settings.sla_policy)).terms


@router.get("/policies", dependencies=READ)
async def list_policies(database: Database) -> list[PolicyView]:
    async with database.autocommit() as connection:
        return [PolicyView.of(policy) for policy in await policies.list_versions(connection)]


@router.post("/policies", dependencies=[require(Permission.POLICIES_WRITE)], status_code=201)
async def publish_policy(body: PolicyBody, database: Database, asked: Asked) -> PolicyView:
    """
    Publish the next version of a policy. Outages already detected keep the version they are
    bound to; publishing the same version twice changes nothing.
    """
    wanted = PublishPolicy(body.policy(), asked, datetime.now(UTC))
    return PolicyView.of(await publish(database, wanted))


@router.get("/policies/{name}/{version}", dependencies=READ, responses=declare_problems(404))
async def get_policy(
    name: Annotated[Text, Path(max_length=100)],
    version: Annotated[int, Path(ge=1, le=2**31 - 1)],
    database: Database,
    caller: Caller,
) -> PolicyView:
    async with database.autocommit() as connection:
        return PolicyView.of(await policies.get_version(connection, name, version))


@router.get("/analytics/dashboard", dependencies=[require(Permission.OUTAGES_READ)])
async def get_dashboard(
    database: Database,
    date_from: Day | None = None,
    date_to: Day | None = None,
    severity: Severity | None = None,
    site: Text | None = None,
) -> DashboardView:
    """Count and sum the verdicts on outages detected on those days (UTC, inclusive); `site` is an id or a name."""
    since, until = get_bounds(date_from, date_to)
    wanted = verdicts.VerdictFilter(since, until, severity, site)
    async with database.autocommit() as connection:
        totals = await verdicts.get_totals(connection, wanted)
    rewards, penalties = totals.rewards_stroops, totals.penalties_stroops
    return DashboardView(
        total_outages=totals.outages,
        total_violations=totals.violations,
        total_rewards=to_number(rewards),
        total_rewards_stroops=str(rewards),
        total_penalties=to_number(penalties),
        total_penalties_stroops=str(penalties),
        net_payout=to_number(rewards - penalties),
        net_payout_stroops=str(rewards - penalties),
    )
