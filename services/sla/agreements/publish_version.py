"""Publish the next version of an agreement: since when, by which policy, and what it covers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from adapters.postgres.sla.agreements import versions
from domain.audit import make_audit_entry
from domain.errors import Invalid, PreconditionFailed
from domain.payloads import describe_agreement_version
from domain.requests import Request
from domain.settlement.owners.wallets import Readiness
from domain.sla.agreements.versions import (
    AgreementVersion,
    check_agreement_version,
    check_ahead,
    has_same_content,
)
from services.sla.agreements.check_treasuries import check_treasuries_within


@dataclass(frozen=True, slots=True)
class PublishVersion:
    """
    The version bears no number yet; `expected_version` is the newest that the caller has seen, and `payers` what the
    network said of treasuries that no agreement had before.
    """

    version: AgreementVersion
    request: Request
    at: datetime
    expected_version: int | None = None
    payers: Sequence[Readiness] = ()


async def publish_version(database: Database, command: PublishVersion) -> AgreementVersion:
    """
    Return the version that was added, or the newest one where that has the same content. A treasury that it does not
    name stays that of the version before.
    """
    wanted, expected = command.version, command.expected_version
    check_agreement_version(wanted)
    async with database.transaction() as connection:
        newest = await versions.lock_newest(connection, wanted.agreement)
        wanted = replace(wanted, bond=wanted.bond or newest.bond, pool=wanted.pool or newest.pool)
        if expected not in (None, newest.version):
            raise PreconditionFailed(
                f"agreement {wanted.agreement!r} has changed since you read it (version "
                f"{newest.version} now, {expected} then): read it again"
            )
        if has_same_content(newest, wanted):
            return newest
        if wanted.effective_from <= newest.effective_from:
            raise Invalid(
                "effective_from",
                f"must be after that of version {newest.version}, "
                f"{newest.effective_from.isoformat()}",
            )
        check_ahead(wanted, command.at)
        await check_policy_within(connection, wanted)
        named = {"bond": command.version.bond, "pool": command.version.pool}
        await check_treasuries_within(connection, named, command.payers)
        added = replace(wanted, version=newest.version + 1)
        await versions.add_version(connection, added, command.request.actor)
        subject = f"agreement/{added.agreement}"
        payload = describe_agreement_version(added)
        await events.publish(
            connection,
            make_audit_entry(
                *(subject, "agreement.published", command.request, command.at, payload),
                str(added.version),
            ),
        )
    return added


async def check_policy_within(connection: AsyncConnection, version: AgreementVersion) -> None:
    """Refuse a policy that is not in force as early as the version is."""
    if version.policy is not None:
        await policies.get_in_force(connection, version.policy, version.effective_from)
