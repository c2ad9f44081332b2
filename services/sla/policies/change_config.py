"""Change the terms in force of the default policy: publish its next version."""

from dataclasses import dataclass, replace

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from domain.audit import make_audit_entry
from domain.payloads import describe_policy
from domain.requests import Request
from domain.sla.configs import ConfigChange, apply_change
from domain.sla.policies import Policy, check_policy


@dataclass(frozen=True, slots=True)
class ChangeConfig:
    policy_name: str
    change: ConfigChange
    request: Request


async def change_config(database: Database, command: ChangeConfig) -> Policy:
    """
    Return the version in force now: a new one, unless the terms are what they were. Of several who
    change it at once each sees what the one before has changed.
    """
    name = command.policy_name
    async with database.transaction() as connection:
        at = await policies.lock(connection, name)
        known = await policies.get_in_force(connection, name, at)
        wanted = apply_change(known, command.change)
        check_policy(wanted)
        if wanted.terms == known.terms:
            return known
        policy = await policies.publish(connection, replace(wanted, effective_from=at))
        entry = make_audit_entry(
            f"policy/{name}",
            "policy.published",
            command.request,
            at,
            describe_policy(policy),
            str(policy.version),
        )
        await events.publish(connection, entry)
    return policy
