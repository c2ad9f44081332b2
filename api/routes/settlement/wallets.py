"""/wallets: accounts of others, proven by their owners."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from adapters.postgres.settlement.owners import registrations
from api import wallet_commands
from api.access.permissions import require
from api.access.scopes import OwningScope, WalletScope
from api.bodies import Body, Text
from api.dependencies import Asked, CursorPaging, Database, Running
from api.parsing import patterns
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_known, declare_problems
from api.views import to_number
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict, NotFound
from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import (
    SignedChallenge,
    WalletRecord,
    check_address,
    is_address_like,
)
from services.settlement.wallets.register_wallet import RegisterWallet
from services.settlement.wallets.register_wallet import register_wallet as register

router = APIRouter(tags=["wallets"])
WRITE = [require(Permission.WALLETS_WRITE)]
Address = Annotated[Text, Path(max_length=100, json_schema_extra=patterns.ADDRESS)]
Holder = Annotated[Text, Path(max_length=200, description="An address, or the id of its owner")]


class RegistrationBody(Body):
    """`funded`, `trustline` and the like have no place here: the network is asked."""

    address: Text = Field(max_length=100, json_schema_extra=patterns.ADDRESS)
    owner: Text | None = Field(None, min_length=1, max_length=200)


class ProofBody(Body):
    transaction_xdr: Text = Field(max_length=20_000)


class WalletView(BaseModel):
    """What is known of an account; what it can receive was read from the network at `ledger`."""

    address: str
    owner: str
    party: str | None
    registered_at: datetime
    proven_at: datetime | None
    funded: bool | None
    trustline_ready: bool | None
    authorised: bool | None
    room: int | float | None
    room_stroops: str | None
    memo_required: bool | None
    usable: bool
    ledger: int | None
    read_at: datetime | None
    # The same in the words of the frontend.
    user_id: str
    public_key: str
    active: bool = True
    last_updated: datetime

    @classmethod
    def of(cls, wallet: WalletRecord) -> "WalletView":
        room = wallet.room_stroops
        return cls(
            address=wallet.address,
            owner=wallet.owner,
            party=wallet.party,
            registered_at=wallet.registered_at,
            proven_at=wallet.proven_at,
            funded=wallet.funded,
            trustline_ready=wallet.trustline,
            authorised=wallet.authorised,
            room=None if room is None else to_number(room),
            room_stroops=None if room is None else str(room),
            memo_required=wallet.memo_required,
            usable=wallet.usable,
            ledger=wallet.ledger,
            read_at=wallet.read_at,
            user_id=wallet.owner,
            public_key=wallet.address,
            last_updated=wallet.read_at or wallet.registered_at,
        )


class ChallengeView(BaseModel):
    """A transaction to sign with the wallet's key; it can never be applied to the network."""

    transaction_xdr: str
    network_passphrase: str
    expires_at: datetime


@router.post(
    "/wallets", status_code=201, responses=declare_problems(409) | declare_known(WalletView)
)
async def register_wallet(
    body: RegistrationBody, engine: Running, asked: Asked, response: Response, scope: OwningScope
) -> WalletView:
    """
    Register an account; answered again with 200 when it is known as the same owner's. The first
    registration stands until somebody proves to hold the account. A claimant registers their party's.
    """
    address, owner = check_address(body.address), body.owner or asked.actor
    wanted = RegisterWallet(address, owner, asked, datetime.now(UTC), scope)
    if not await register(engine.database, wanted):
        response.status_code = 200
    await wallet_commands.read_wallet(engine, address)
    return await show_wallet(engine.database, address, scope, owner)


@router.get("/wallets", responses=GOES_ON)
async def list_wallets(
    database: Database,
    scope: WalletScope,
    paging: CursorPaging,
    response: Response,
    owner: Text | None = None,
) -> list[WalletView]:
    """List every registration of an account, the newest first."""
    async with database.autocommit() as connection:
        segment = paging.find_segment("wallets")
        found = await registrations.list_page(connection, scope, owner, segment)
    set_next_cursor(response, paging.make_cursor("wallets", found, "registered_at", "key"))
    return [WalletView.of(wallet) for wallet in found]


@router.get("/wallets/{address}", responses=declare_problems(404))
async def get_wallet(address: Holder, database: Database, scope: WalletScope) -> WalletView:
    """
    Show a wallet by its address, or by whose it is: an owner's, a person's or a party's id; a proven one
    first, then the newest.
    """
    return WalletView.of(await find_wallet(database, address, scope))


async def show_wallet(
    database: Database, address: str, scope: Scope, owner: str = ""
) -> WalletView:
    return WalletView.of(await find_wallet(database, address, scope, owner))


async def find_wallet(
    database: Database, holder: str, scope: Scope, owner: str = ""
) -> WalletRecord:
    """Find the wallet at an address, as `owner` has registered it, or that of a holder. Raises NotFound."""
    async with database.autocommit() as connection:
        if is_address_like(holder):
            return await registrations.get(connection, check_address(holder), scope, owner)
        found = await registrations.find_by_holder(connection, holder, scope)
    if found is None:
        raise NotFound(f"{holder!r} has no wallet: register one, or create one on a test network")
    return found


@router.post("/wallets/{address}/refresh", responses=declare_problems(404))
async def refresh_wallet(address: Address, engine: Running, scope: OwningScope) -> WalletView:
    """Ask the network again what the account can take."""
    await _get_known(engine.database, address, scope)
    await wallet_commands.read_wallet(engine, address)
    return await show_wallet(engine.database, address, scope)


@router.post(
    "/wallets/{address}/challenges",
    status_code=201,
    responses=declare_problems(404, 409),
)
async def challenge_wallet(
    address: Address,
    engine: Running,
    asked: Asked,
    scope: OwningScope,
    owner: Annotated[Text | None, Query(max_length=200)] = None,
) -> ChallengeView:
    """
    Ask for a challenge (SEP-10): signed with the wallet's key, it proves that the account is this owner's.
    Without `owner` it is for you, if you have registered it, else for who has first.
    """
    known = await _get_known(engine.database, address, scope, owner or asked.actor)
    if owner is not None and known.owner != owner:
        raise NotFound(f"wallet {address!r} is not registered for {owner!r}; register it first")
    wanted = ChallengeWalletInput(address, known.owner)
    given = await wallet_commands.challenge_wallet(engine, wanted)
    return ChallengeView(
        transaction_xdr=given.transaction_xdr,
        network_passphrase=given.network_passphrase,
        expires_at=given.expires_at,
    )


@router.post(
    "/wallets/{address}/proofs",
    status_code=201,
    responses=declare_problems(404, 409),
)
async def prove_wallet(
    address: Address, body: ProofBody, engine: Running, scope: OwningScope
) -> WalletView:
    """Answer a challenge; each one is used once. Whoever proves the account has it, and nobody else."""
    await _get_known(engine.database, address, scope)
    await wallet_commands.prove_wallet(engine, SignedChallenge(address, body.transaction_xdr))
    return await show_wallet(engine.database, address, scope)


@router.post("/wallets/{address}/fund", dependencies=WRITE, responses=declare_problems(404, 409))
async def fund_wallet(address: Address, engine: Running) -> WalletView:
    """Have a test network's friendbot fund the account."""
    if engine.settings.stellar_network == "public":
        raise Conflict("the public network has no friendbot: fund the account from another one")
    await _get_known(engine.database, address, EVERYTHING)
    await wallet_commands.fund_wallet(engine, address)
    return await show_wallet(engine.database, address, EVERYTHING)


async def _get_known(
    database: Database, address: str, scope: Scope, owner: str = ""
) -> WalletRecord:
    check_address(address)
    async with database.autocommit() as connection:
        return await registrations.get(connection, address, scope, owner)
