"""Wallets, challenges and payouts in the database."""

from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_agreement_conditions
from adapters.postgres.sla.agreements.agreements import get_agreement
from adapters.postgres.tables import (
    agreements,
    outages,
    payments,
    payouts,
    wallet_challenges,
    wallets,
)
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict, NotFound
from domain.settlement.approvals import UNSIGNED
from domain.settlement.owners.wallets import (
    Challenge,
    Payout,
    PayoutRecord,
    PayoutRole,
    Readiness,
)
from domain.sla.agreements.agreements import Agreement


def _to_payout(row: RowMapping) -> PayoutRecord:
    said = {each.name: row[each.name] for each in fields(PayoutRecord)}
    return PayoutRecord(**said | {"role": PayoutRole(row["role"])})


async def save_readiness(connection: AsyncConnection, read: Readiness) -> None:
    """Save what the network said of an account; an older answer does not replace a newer one."""
    await connection.execute(
        update(wallets)
        .where(
            wallets.c.address == read.address,
            wallets.c.ledger.is_(None) | (wallets.c.ledger <= read.ledger),
        )
        .values(
            funded=read.funded,
            trustline=read.trustline,
            authorised=read.authorised,
            room_stroops=read.room_stroops,
            memo_required=read.memo_required,
            ledger=read.ledger,
            read_at=read.read_at,
        )
    )


async def save_challenge(connection: AsyncConnection, given: Challenge, owner: str) -> None:
    await connection.execute(
        insert(wallet_challenges)
        .values(hash=given.hash, address=given.address, owner=owner, expires_at=given.expires_at)
        .on_conflict_do_nothing()
    )


async def get_agreement_at(
    connection: AsyncConnection, bound: Agreement, at: datetime
) -> Agreement:
    """Return an agreement with the payout addresses of its parties at an instant."""
    rows = await connection.execute(
        select(payouts.c.role, payouts.c.address)
        .where(
            payouts.c.agreement == bound.name,
            payouts.c.cancelled_at.is_(None),
            payouts.c.effective_at <= at,
        )
        .order_by(payouts.c.effective_at, payouts.c.asked_at)
    )
    paid_at = {row.role: row.address for row in rows}
    return replace(
        bound,
        provider=paid_at.get(PayoutRole.PROVIDER, bound.provider),
        beneficiary=paid_at.get(PayoutRole.BENEFICIARY, bound.beneficiary),
    )


async def get_payout_address(
    connection: AsyncConnection, agreement: str, role: PayoutRole, at: datetime
) -> str:
    """Return the payout address of a party of an agreement at an instant."""
    bound = await get_agreement(connection, agreement, EVERYTHING)
    return str(getattr(await get_agreement_at(connection, bound, at), role))


async def request_payout_change(
    connection: AsyncConnection, payout_id: str, wanted: Payout, by: str, at: datetime
) -> bool:
    """Record a change of payout address from an instant on; False when it was recorded before."""
    named = agreements.c.name == wanted.agreement
    if await connection.scalar(select(agreements.c.name).where(named).with_for_update()) is None:
        raise NotFound(f"agreement {wanted.agreement!r} does not exist")
    pending = await find_pending_payout(connection, wanted.agreement, wanted.role, at)
    if pending is not None and pending.id != payout_id:
        raise Conflict(
            f"{wanted.role} has a pending change of address to {pending.address} from "
            f"{pending.effective_at.isoformat()} on; cancel that first"
        )
    added = await connection.execute(
        insert(payouts)
        .values(
            id=payout_id,
            agreement=wanted.agreement,
            role=wanted.role,
            address=wanted.address,
            asked_by=by,
            asked_at=at,
            effective_at=wanted.effective_at,
        )
        .on_conflict_do_nothing()
        .returning(payouts.c.id)
    )
    return added.one_or_none() is not None


async def find_pending_payout(
    connection: AsyncConnection, agreement: str, role: PayoutRole, at: datetime
) -> PayoutRecord | None:
    rows = await connection.execute(
        select(payouts).where(_is_active(agreement, role), payouts.c.effective_at > at)
    )
    row = rows.mappings().first()
    return None if row is None else _to_payout(row)


async def list_payouts(
    connection: AsyncConnection, agreement: str, role: PayoutRole, scope: Scope
) -> list[PayoutRecord]:
    own = select(agreements.c.name).where(*list_agreement_conditions(scope))
    rows = await connection.execute(
        select(payouts)
        .where(payouts.c.agreement == agreement, payouts.c.role == role)
        .where(payouts.c.agreement.in_(own))
        .order_by(payouts.c.asked_at.desc())
    )
    return [_to_payout(row) for row in rows.mappings()]


async def cancel_payout(
    connection: AsyncConnection, agreement: str, role: PayoutRole, by: str, at: datetime
) -> PayoutRecord:
    pending = await find_pending_payout(connection, agreement, role, at)
    if pending is None:
        raise NotFound(f"the {role} has no pending change of address; nothing was cancelled")
    await connection.execute(
        update(payouts).where(payouts.c.id == pending.id).values(cancelled_at=at, cancelled_by=by)
    )
    return pending


async def list_unsigned_to(connection: AsyncConnection, agreement: str, address: str) -> list[str]:
    """Return an agreement's payments to an address for which nothing was signed yet."""
    rows = await connection.execute(
        select(payments.c.id)
        .join(outages, outages.c.id == payments.c.outage_id)
        .where(
            outages.c.agreement == agreement,
            payments.c.to_address == address,
            payments.c.status.in_(UNSIGNED),
        )
    )
    return list(rows.scalars())


def _is_active(agreement: str, role: PayoutRole) -> ColumnElement[bool]:
    return and_(
        payouts.c.agreement == agreement,
        payouts.c.role == role,
        payouts.c.cancelled_at.is_(None),
    )
