"""/wallets, as people know them: the wallet of a user, what it holds, and a new one on a test network."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from api import wallet_commands
from api.access.permissions import require
from api.access.scopes import OwningScope, WalletScope
from api.bodies import Body, Text
from api.dependencies import Asked, Database, Engine, Running
from api.rendering.user_wallets import (
    BalanceAmountView,
    CreatedWalletView,
    UserWalletView,
    WalletBalanceView,
    WalletStatusView,
)
from api.responses import declare_known, declare_problems
from api.routes.settlement.wallets import WalletView, find_wallet
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict
from domain.money import format_amount
from domain.settlement.owners.wallets import check_address, is_address_like
from services.settlement.wallets.create_wallet import CreateWallet
from services.settlement.wallets.create_wallet import create_wallet as create
from services.settlement.wallets.register_wallet import RegisterWallet, register_wallet

router = APIRouter(prefix="/wallets", tags=["wallets"])
WRITE = [require(Permission.WALLETS_WRITE)]
Holder = Annotated[
    Text, Path(max_length=200, description="An address, or the id of a user or a party")
]
KEPT = "Keep the secret seed: it is shown this once, and whoever has it has the account."
HAS_ONE = "This user has a wallet already; nothing was created."


class CreateWalletBody(Body):
    user_id: str = Field(min_length=1, max_length=200)


class LinkWalletBody(Body):
    """`funded` and `trustline_ready` are not believed: the network is asked."""

    user_id: str = Field(min_length=1, max_length=200)
    public_key: str = Field(max_length=100)
    funded: bool = False
    trustline_ready: bool = False


def _refuse_public(engine: Engine, what: str) -> None:
    if engine.settings.stellar_network == "public":
        raise Conflict(f"the public network {what}")


@router.post(
    "/create",
    dependencies=WRITE,
    status_code=201,
    responses=declare_problems(409) | declare_known(CreatedWalletView),
)
async def create_wallet(
    body: CreateWalletBody, engine: Running, asked: Asked, response: Response
) -> CreatedWalletView:
    """Create an account for a user of a test network; 200 with the wallet they have, if they have one."""
    _refuse_public(engine, "takes accounts whose owners have made their keys themselves: link one")
    made = await create(engine.database, CreateWallet(body.user_id, asked, datetime.now(UTC)))
    # Nobody has paid an account of a moment ago; the network, asked in vain, would have its seed lost.
    funded = ready = False
    if made.known is not None:
        response.status_code = 200
        read = await wallet_commands.read_wallet(engine, made.address)
        funded, ready = read.funded, read.trustline
    return CreatedWalletView(
        user_id=body.user_id,
        public_key=made.address,
        funded=funded,
        trustline_ready=ready,
        message=KEPT if made.seed else HAS_ONE,
        secret_seed=made.seed,
    )


@router.post("/link", responses=declare_problems(409))
async def link_wallet(
    body: LinkWalletBody, engine: Running, asked: Asked, scope: OwningScope
) -> UserWalletView:
    """Register an account for a user; 409 when another one has proven that it is theirs."""
    address = check_address(body.public_key, "public_key")
    wanted = RegisterWallet(address, body.user_id, asked, datetime.now(UTC), scope)
    await register_wallet(engine.database, wanted)
    read = await wallet_commands.read_wallet(engine, address)
    return UserWalletView(
        user_id=body.user_id,
        public_key=address,
        funded=read.funded,
        trustline_ready=read.trustline,
    )


@router.get("/friendbot", dependencies=WRITE, responses=declare_problems(404, 409))
async def ask_friendbot(
    engine: Running, address: Annotated[Text, Query(max_length=100)]
) -> WalletView:
    """Have a test network's friendbot fund an account that is registered; one that is funded stays as it is."""
    _refuse_public(engine, "has no friendbot: fund the account from another one")
    known = await find_wallet(engine.database, check_address(address), EVERYTHING)
    await wallet_commands.fund_wallet(engine, known.address)
    return WalletView.of(await find_wallet(engine.database, known.address, EVERYTHING))


@router.get("/{holder}/status", responses=declare_problems(404))
async def get_status(holder: Holder, engine: Running, scope: WalletScope) -> WalletStatusView:
    """Ask the network whether a wallet can be paid."""
    known = await find_wallet(engine.database, holder, scope)
    read = await wallet_commands.read_wallet(engine, known.address)
    return WalletStatusView(
        user_id=known.owner,
        public_key=known.address,
        funded=read.funded,
        trustline_ready=read.trustline,
        message=read.obstacle or None,
        usable=read.ready,
        active=True,
        last_updated=read.read_at,
    )


@router.get("/{holder}/balance", responses=declare_problems(404))
async def get_balance(holder: Holder, engine: Running, scope: WalletScope) -> WalletBalanceView:
    """Ask the network what an account holds: any address, or the wallet of a user."""
    return await _read_balance(engine, await _find_address(engine.database, holder, scope))


@router.get("/address/{address}/balance", responses=declare_problems(404))
async def get_balance_at(
    address: Annotated[Text, Path(max_length=100)], engine: Running, scope: WalletScope
) -> WalletBalanceView:
    """Ask the network what the account at an address holds; a claimant asks of their party's own."""
    found = await _find_address(engine.database, check_address(address), scope)
    return await _read_balance(engine, found)


async def _find_address(database: Database, holder: str, scope: Scope) -> str:
    if is_address_like(holder) and scope == EVERYTHING:
        return check_address(holder)
    return (await find_wallet(database, holder, scope)).address


async def _read_balance(engine: Engine, address: str) -> WalletBalanceView:
    read = await wallet_commands.read_wallet(engine, address)
    amounts = {"XLM": read.native_stroops, "USDC": read.balance_stroops}
    return WalletBalanceView(
        address=address,
        balances={
            code: BalanceAmountView(balance=format_amount(amount))
            for code, amount in amounts.items()
            if amount is not None
        },
        ledger=read.ledger,
        last_updated=read.read_at,
    )
