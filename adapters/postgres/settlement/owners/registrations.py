"""Registrations of wallets in the database: several of one account, of which at most one is proven."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.tables import (
    parties,
    people,
    wallet_challenges,
    wallet_registrations,
    wallets,
)
from domain.access.scopes import Scope
from domain.errors import Conflict, NotFound
from domain.settlement.owners.registrations import Registration
from domain.settlement.owners.wallets import WalletRecord

_OF = wallet_registrations.c
_REGISTERED = {"owner", "party", "registered_at", "proven_at"}
_COLUMNS = [
    (_OF if each.name in _REGISTERED else wallets.c)[each.name] for each in fields(WalletRecord)
]


async def register(connection: AsyncConnection, wanted: Registration, at: datetime) -> bool:
    """
    Register an account for an owner; False when it was registered for that owner already.

    Registering proves nothing: the registrations of others stay, and the first one stands. Raises Conflict
    when another owner has proven the account.
    """
    address, owner = wanted.address, wanted.owner
    await connection.execute(insert(wallets).values(address=address).on_conflict_do_nothing())
    await _lock(connection, address)
    proven_by = await connection.scalar(
        select(_OF.owner).where(_OF.address == address, _OF.proven_at.is_not(None))
    )
    if proven_by not in (None, owner):
        raise Conflict(
            f"{address} is registered by another owner, who has proven it; register an address of your own"
        )
    added = await connection.execute(
        insert(wallet_registrations)
        .values(address=address, owner=owner, party=wanted.party, registered_at=at)
        .on_conflict_do_nothing()
        .returning(_OF.owner)
    )
    return added.one_or_none() is not None


async def _lock(connection: AsyncConnection, address: str) -> None:
    """Let nobody else register or prove the account until the end of the transaction."""
    await connection.execute(
        select(wallets.c.address).where(wallets.c.address == address).with_for_update()
    )


def _select(scope: Scope) -> Select[Any]:
    found = select(*_COLUMNS).join(wallets, wallets.c.address == _OF.address)
    return found if scope.party is None else found.where(_OF.party == scope.party)


def _to_wallet(row: Any) -> WalletRecord:
    return WalletRecord(*row)


async def get(
    connection: AsyncConnection, address: str, scope: Scope, owner: str = ""
) -> WalletRecord:
    """
    Return a wallet as its holder has it: who has proven it, else `owner`, else who registered it first.
    Raises NotFound, for one outside of the scope as for none.
    """
    best = (_OF.proven_at.is_(None), _OF.owner != owner, _OF.registered_at, _OF.owner)
    wanted = _select(scope).where(_OF.address == address).order_by(*best).limit(1)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise NotFound(f"wallet {address!r} is not registered; register it first")
    return _to_wallet(row)


def _is_holder(holder: str) -> ColumnElement[bool]:
    """Whose a registration is: an owner as written, a party, or a person by id or e-mail address."""
    same = or_(people.c.id == holder, people.c.email == holder)
    names = union(select(people.c.id).where(same), select(people.c.email).where(same))
    return or_(_OF.owner == holder, _OF.party == holder, _OF.owner.in_(names))


async def lock_holder(connection: AsyncConnection, holder: str) -> None:
    """Let nobody else create a wallet for a holder until the end of the transaction: they would have two."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"wallet/{holder}"))))


async def find_by_holder(
    connection: AsyncConnection, holder: str, scope: Scope
) -> WalletRecord | None:
    """Return the wallet of a holder: one that is proven before one that is not, then the newest."""
    newest = (_OF.proven_at.is_(None), _OF.registered_at.desc(), _OF.address)
    wanted = _select(scope).where(_is_holder(holder)).order_by(*newest).limit(1)
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else _to_wallet(row)


async def list_page(
    connection: AsyncConnection, scope: Scope, owner: str | None, segment: ListSegment
) -> list[WalletRecord]:
    """Return registrations, the newest first; the place after which a segment begins is an instant and a key."""
    wanted, order = _select(scope), (_OF.registered_at, _OF.address, _OF.owner)
    if owner is not None:
        wanted = wanted.where(_is_holder(owner))
    if segment.after is not None:
        at, key = segment.after
        address, _, holder = key.partition(" ")
        wanted = wanted.where(tuple_(*order) < tuple_(at, address, holder))
    rows = await connection.execute(
        wanted.order_by(*(each.desc() for each in order))
        .offset(segment.offset)
        .limit(segment.limit)
    )
    return [_to_wallet(row) for row in rows]


async def find_party(connection: AsyncConnection, owner: str) -> str | None:
    """Return the party that an owner is, or is a person of."""
    of_person = select(people.c.party).where(or_(people.c.id == owner, people.c.email == owner))
    is_party = select(parties.c.id).where(parties.c.id == owner)
    found: str | None = await connection.scalar(is_party)
    return found if found is not None else await connection.scalar(of_person)


async def prove(
    connection: AsyncConnection, address: str, hash_: str, at: datetime, request_id: str
) -> str:
    """
    Use a challenge up, and record that its owner has proven the account; registrations of others end.

    Returns the owner. Raises Conflict unless the challenge was made for this account and somebody who
    is registered for it, has not expired and was not used. The same request may use it again, because
    its answer may have been lost.
    """
    await _lock(connection, address)
    given = wallet_challenges.c
    owner = await connection.scalar(
        update(wallet_challenges)
        .where(
            given.hash == hash_,
            given.address == address,
            exists().where(_OF.address == address, _OF.owner == given.owner),
            given.used_at.is_(None) | (given.used_by == request_id),
            given.expires_at > at,
        )
        .values(used_at=at, used_by=request_id)
        .returning(given.owner)
    )
    if owner is None:
        raise Conflict(
            "this challenge was used before, has expired, or was not given for this wallet as it "
            "is registered now; ask for a new one"
        )
    here = _OF.address == address
    await connection.execute(delete(wallet_registrations).where(here, _OF.owner != owner))
    await connection.execute(update(wallet_registrations).where(here).values(proven_at=at))
    return str(owner)
