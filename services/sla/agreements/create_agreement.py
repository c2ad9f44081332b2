"""Put an agreement between two parties on record, with its first version."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement.owners import registrations
from adapters.postgres.sla.agreements import agreements, parties, treasuries, versions
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.errors import Conflict, Invalid, NotFound
from domain.payloads import describe_agreement_version
from domain.requests import Request
from domain.settlement.owners.wallets import Readiness, check_payout
from domain.sla.agreements.agreements import Agreement, check_payees
from domain.sla.agreements.parties import PartyKind
from domain.sla.agreements.versions import (
    AgreementVersion,
    check_agreement_version,
    check_ahead,
    has_same_content,
)
from services.sla.agreements.check_treasuries import check_treasuries_within
from services.sla.agreements.publish_version import check_policy_within


@dataclass(frozen=True, slots=True)
class CreateAgreement:
    """
    `readiness` is what the network said of the two payees a moment ago, and `payers` of the treasuries that no
    agreement had before.
    """

    agreement: Agreement
    first: AgreementVersion
    readiness: Sequence[Readiness]
    payers: Sequence[Readiness]
    request: Request
    at: datetime


async def create_agreement(database: Database, command: CreateAgreement) -> Agreement:
    """Return the agreement that was added, or the one that was there with the same content."""
    wanted, first = command.agreement, command.first
    check_agreement_version(first)
    async with database.transaction() as connection:
        if await _find_same(connection, wanted, first):
            return wanted
        await _check_parties(connection, wanted)
        await check_treasuries_within(connection, wanted.treasuries, command.payers)
        check_payees(wanted, await treasuries.list_addresses(connection))
        for read in command.readiness:
            check_payout(
                (await registrations.get(connection, read.address, EVERYTHING)).proven_at, read
            )
        check_ahead(first, command.at)
        await check_policy_within(connection, first)
        if not await agreements.put_agreement(connection, wanted):
            raise Conflict(f"agreement {wanted.name!r} was added a moment ago; read it first")
        await versions.add_version(connection, first, command.request.actor)
        payload = describe_agreement_version(first) | asdict(wanted)
        subject, by = f"agreement/{wanted.name}", command.request
        await events.publish(
            connection, make_audit_entry(subject, "agreement.added", by, command.at, payload)
        )
    return wanted


async def _find_same(
    connection: AsyncConnection, wanted: Agreement, first: AgreementVersion
) -> bool:
    """Return whether it is on record with this very content. Raises Conflict when with another."""
    try:
        known = await agreements.get_agreement(connection, wanted.name, EVERYTHING)
    except NotFound:
        return False
    published = await versions.list_versions(connection, wanted.name)
    if known != wanted or not has_same_content(published[0].version, first):
        raise Conflict(
            f"agreement {wanted.name!r} is on record with other content: publish its next version, "
            "change a payout address, or use another name"
        )
    return True


async def _check_parties(connection: AsyncConnection, wanted: Agreement) -> None:
    for field, kind in (
        ("provider_party", PartyKind.PROVIDER),
        ("beneficiary_party", PartyKind.CUSTOMER),
    ):
        party_id = getattr(wanted, field)
        try:
            known = await parties.get_party(connection, party_id)
        except NotFound as error:
            raise Invalid(field, f"{error}; create it first") from None
        if known.kind is not kind:
            raise Invalid(field, f"{party_id!r} is a {known.kind}, and has to be a {kind}")
