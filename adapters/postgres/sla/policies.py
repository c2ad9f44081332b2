"""Policies in the database: versions are added, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import policies
from domain.errors import Invalid, NotFound
from domain.sla.policies import Policy
from domain.sla.verdicts import Severity, Terms


def to_policy(row: RowMapping | Mapping[str, Any]) -> Policy:
    return Policy(
        row["name"],
        row["version"],
        row["effective_from"],
        row["dispute_window_seconds"],
        row["decision_window_seconds"],
        {Severity(name): Terms(**terms) for name, terms in row["terms"].items()},
    )


# Built once, which takes longer than the server takes to answer.
_IN_FORCE = (
    select(policies)
    .where(policies.c.name == bindparam("policy"), policies.c.effective_from <= bindparam("at"))
    .order_by(policies.c.effective_from.desc())
    .limit(1)
)


async def get_in_force(connection: AsyncConnection, name: str, at: datetime) -> Policy:
    """Return the version of a policy in force at an instant. Raises Invalid when there is none."""
    rows = await connection.execute(_IN_FORCE, {"policy": name, "at": at})
    row = rows.mappings().one_or_none()
    if row is None:
        raise Invalid("policy", f"no version of policy {name!r} is in force at {at.isoformat()}")
    return to_policy(row)


async def get_version(connection: AsyncConnection, name: str, number: int) -> Policy:
    rows = await connection.execute(
        select(policies).where(policies.c.name == name, policies.c.version == number)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"version {number} of policy {name!r} does not exist")
    return to_policy(row)


async def list_versions(connection: AsyncConnection, name: str | None = None) -> list[Policy]:
    """Return every version of one policy, or of all."""
    wanted = select(policies) if name is None else select(policies).where(policies.c.name == name)
    rows = await connection.execute(wanted.order_by(policies.c.name, policies.c.version))
    return [to_policy(row) for row in rows.mappings()]


async def lock(connection: AsyncConnection, name: str) -> datetime:
    """Keep others from publishing this policy until the transaction ends; return the instant by the database."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
    instant: datetime | None = await connection.scalar(select(func.clock_timestamp()))
    assert instant is not None
    return instant


async def publish(connection: AsyncConnection, policy: Policy) -> Policy:
    """
    Add a policy as the next version of its name, and return it.

    The same content from the same instant returns the existing version; other content raises Invalid.
    """
    await lock(connection, policy.name)
    rows = await connection.execute(
        select(policies).where(policies.c.name == policy.name).order_by(policies.c.version)
    )
    known = [to_policy(row) for row in rows.mappings()]
    for existing in known:
        if existing.effective_from == policy.effective_from:
            if _has_same_content(existing, policy):
                return existing
            raise Invalid(
                "effective_from",
                f"version {existing.version} already takes effect then; choose another instant",
            )
    added = Policy(
        policy.name,
        len(known) + 1,
        policy.effective_from,
        policy.dispute_window_seconds,
        policy.decision_window_seconds,
        policy.terms,
    )
    await connection.execute(
        insert(policies).values(
            name=added.name,
            version=added.version,
            effective_from=added.effective_from,
            dispute_window_seconds=added.dispute_window_seconds,
            decision_window_seconds=added.decision_window_seconds,
            terms={name: _to_json(terms) for name, terms in added.terms.items()},
            terms_hash=added.terms_hash(),
            digest=added.digest(),
        )
    )
    return added


def _to_json(terms: Terms) -> dict[str, int]:
    return {
        "threshold_minutes": terms.threshold_minutes,
        "penalty_per_minute": terms.penalty_per_minute,
        "reward_base": terms.reward_base,
    }


def _has_same_content(one: Policy, other: Policy) -> bool:
    return (one.dispute_window_seconds, one.decision_window_seconds, one.terms) == (
        other.dispute_window_seconds,
        other.decision_window_seconds,
        other.terms,
    )
