"""/sla/policies: the versioned terms that outages are judged by."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from adapters.postgres.sla import policies
from api.access.permissions import require
from api.bodies import Body, Instant, TermsBody, Text
from api.dependencies import Asked, Database
from api.parsing import patterns
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity
from services.sla.policies.publish_policy import PublishPolicy
from services.sla.policies.publish_policy import publish_policy as publish

router = APIRouter(prefix="/sla", tags=["sla"])
READ = [require(Permission.POLICIES_READ)]
DAY = 86_400


class PolicyBody(Body):
    """A version to publish; it holds from `effective_from`, by default and with null from the beginning."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9-]*$")
    effective_from: Instant | None = None
    dispute_window_seconds: int = Field(DAY, strict=True)
    decision_window_seconds: int = Field(14 * DAY, strict=True)
    terms: dict[Severity, TermsBody] = Field(json_schema_extra=patterns.TERMS)

    def policy(self) -> Policy:
        return Policy(
            self.name,
            0,
            self.effective_from or BEGINNING_OF_TIME,
            self.dispute_window_seconds,
            self.decision_window_seconds,
            {name: terms.terms() for name, terms in self.terms.items()},
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
        terms = {name: TermsBody.of(entry) for name, entry in policy.terms.items()}
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


@router.get("/policies", dependencies=READ)
async def list_policies(database: Database) -> list[PolicyView]:
    """List every version of every policy."""
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
) -> PolicyView:
    """Show one version of a policy."""
    async with database.autocommit() as connection:
        return PolicyView.of(await policies.get_version(connection, name, version))
