"""Wallets, challenges and payouts in the database."""

from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.agreements.agreements import get_agreement
from adapters.postgres.tables import (
    agreements,
    outages,
    payments,
    payouts,
    wallet_challenges,
    wallets,
)
from domain.errors import Conflict, NotFound
from domain.settlement.approvals import UNSIGNED
from domain.settlement.wallets import (
    Challenge,
    Payout,
    PayoutRecord,
    PayoutRole,
    Readiness,
    WalletRecord,
)
from domain.sla.agreements.agreements import Agreement


async def register(connection: AsyncConnection, address: str, owner: str, at: datetime) -> bool:
    """
    Register an account for an owner; False when it was registered for that owner already.

    Registering proves nothing, so a first registration must not keep the true owner out: until the
    account is proven, the last owner to register it has it, and challenges of others stop counting.
    Raises Conflict when another owner has proven it.
    """
    adding = insert(wallets).values(address=address, owner=owner, registered_at=at)
    changed = await connection.execute(
        adding.on_conflict_do_update(
            index_elements=["address"],
            set_={"owner": owner, "registered_at": at},
            where=wallets.c.proven_at.is_(None) & (wallets.c.owner != owner),
        ).returning(wallets.c.address)
    )
    if changed.one_or_none() is not None:
        return True
    if (await get(connection, address)).owner != owner:
        raise Conflict(
            f"{address} is registered by another owner, who has proven it; register an address of your own"
        )
    return False


def _to_wallet(row: RowMapping) -> WalletRecord:
    return WalletRecord(**{each.name: row[each.name] for each in fields(WalletRecord)})


def _to_payout(row: RowMapping) -> PayoutRecord:
    values = {each.name: row[each.name] for each in fields(PayoutRecord)}
    return PayoutRecord(**values | {"role": PayoutRole(row["role"])})


async def get(connection: AsyncConnection, address: str) -> WalletRecord:
    rows = await connection.execute(select(wallets).where(wallets.c.address == address))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"wallet {address!r} is not registered; register it first")
    return _to_wallet(row)


async def find_by_owner(connection: AsyncConnection, owner: str) -> WalletRecord | None:
    """Return the wallet of an owner: one that is proven before one that is not, then the newest."""
    rows = await connection.execute(
        select(wallets)
        .where(wallets.c.owner == owner)
        .order_by(wallets.c.proven_at.is_(None), wallets.c.registered_at.desc(), wallets.c.address)
        .limit(1)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _to_wallet(row)


async def list_page(
    connection: AsyncConnection, owner: str | None, offset: int, limit: int
) -> list[WalletRecord]:
    wanted = select(wallets)
    if owner is not None:
        wanted = wanted.where(wallets.c.owner == owner)
    rows = await connection.execute(
        wanted.order_by(wallets.c.registered_at.desc(), wallets.c.address)
        .offset(offset)
        .limit(limit)
    )
    return [_to_wallet(row) for row in rows.mappings()]


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


async def save_challenge(connection: AsyncConnection, given: Challenge) -> None:
    owner = select(wallets.c.owner).where(wallets.c.address == given.address).scalar_subquery()
    await connection.execute(
        insert(wallet_challenges)
        .values(hash=given.hash, address=given.address, owner=owner, expires_at=given.expires_at)
        .on_conflict_do_nothing()
    )


async def prove(
    connection: AsyncConnection, address: str, hash_: str, at: datetime, request_id: str
) -> None:
    """
    Use a challenge up, and record that the owner has proven the account.

    Raises Conflict unless the challenge was made for this account and its present owner, has not
    expired and was not used. The same request may use it again, because its answer may have been lost.
    """
    # Locked first, so that nobody else registers the account between this read and the update.
    owner = (
        select(wallets.c.owner)
        .where(wallets.c.address == address)
        .with_for_update()
        .scalar_subquery()
    )
    used = await connection.execute(
        update(wallet_challenges)
        .where(
            wallet_challenges.c.hash == hash_,
            wallet_challenges.c.address == address,
            wallet_challenges.c.owner == owner,
            wallet_challenges.c.used_at.is_(None) | (wallet_challenges.c.used_by == request_id),
            wallet_challenges.c.expires_at > at,
        )
        .values(used_at=at, used_by=request_id)
    )
    if used.rowcount != 1:
        raise Conflict(
            "this challenge was used before, has expired, or was not given for this wallet as it "
            "is registered now; ask for a new one"
        )
    await connection.execute(
        update(wallets).where(wallets.c.address == address).values(proven_at=at)
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
    bound = await get_agreement(connection, agreement)
    return str(getattr(await get_agreement_at(connection, bound, at), role))


async def request_payout_change(
    connection: AsyncConnection, payout_id: str, wanted: Payout, by: str, at: datetime
) -> bool:
    """Record a change of payout address from an instant on; False when it was recorded before."""
    known = await connection.scalar(
        select(agreements.c.name).where(agreements.c.name == wanted.agreement).with_for_update()
    )
    if known is None:
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
    connection: AsyncConnection, agreement: str, role: PayoutRole
) -> list[PayoutRecord]:
    rows = await connection.execute(
        select(payouts)
        .where(payouts.c.agreement == agreement, payouts.c.role == role)
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
