"""Publish the next version of a policy."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from domain.audit import make_audit_entry
from domain.payloads import describe_policy
from domain.requests import Request
from domain.sla.policies import Policy, check_policy


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """The policy bears no version yet."""

    policy: Policy
    request: Request
    at: datetime


async def publish_policy(database: Database, command: PublishPolicy) -> Policy:
    """Return the version that was added, or the one that was there with the same content."""
    check_policy(command.policy)
    async with database.transaction() as connection:
        policy = await policies.publish(connection, command.policy)
        subject, payload, key = (
            f"policy/{policy.name}",
            describe_policy(policy),
            str(policy.version),
        )
        await events.publish(
            connection,
            make_audit_entry(
                subject, "policy.published", command.request, command.at, payload, key
            ),
        )
    return policy
