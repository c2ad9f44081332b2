"""/wallets and /agreements: accounts of others, proven by their owners, and where parties are paid."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from adapters.postgres.settlement import wallets
from api import wallet_commands
from api.bodies import Body, Text
from api.dependencies import Admin, Asked, Caller, Database, Paging, Running
from api.responses import problems
from domain.errors import Conflict
from domain.money import format_amount
from domain.settlement.wallets import (
    Payout,
    PayoutRole,
    SignedChallenge,
    Wallet,
    check_address,
    compute_effective_at,
)
from services.settlement.payouts.cancel_payout import CancelPayout
from services.settlement.payouts.cancel_payout import cancel_payout as cancel
from services.settlement.payouts.change_payout import ChangePayout
from services.settlement.payouts.change_payout import change_payout as change
from services.settlement.wallets.register_wallet import RegisterWallet
from services.settlement.wallets.register_wallet import register_wallet as register

router = APIRouter(tags=["wallets"])
Address = Annotated[Text, Path(max_length=100)]
AgreementName = Annotated[Text, Path(max_length=100)]


class RegistrationBody(Body):
    """`funded`, `trustline` and the like have no place here: the network is asked."""

    address: Text = Field(max_length=100)
    owner: Text | None = Field(None, min_length=1, max_length=200)


class ProofBody(Body):
    transaction_xdr: Text = Field(max_length=20_000)


class PayoutBody(Body):
    address: Text = Field(max_length=100)


class WalletView(BaseModel):
    """What is known of an account; what it can take is the network's word, as of `ledger`."""

    address: str
    owner: str
    registered_at: datetime
    proven_at: datetime | None
    funded: bool | None
    trustline_ready: bool | None
    authorised: bool | None
    room: str | None
    usable: bool
    ledger: int | None
    read_at: datetime | None

    @classmethod
    def of(cls, wallet: Wallet) -> "WalletView":
        room = wallet.room_stroops
        return cls(
            address=wallet.address,
            owner=wallet.owner,
            registered_at=wallet.registered_at,
            proven_at=wallet.proven_at,
            funded=wallet.funded,
            trustline_ready=wallet.trustline,
            authorised=wallet.authorised,
            room=None if room is None else format_amount(room),
            usable=wallet.usable,
            ledger=wallet.ledger,
            read_at=wallet.read_at,
        )


class ChallengeView(BaseModel):
    """A transaction to sign with the wallet's key; it can never be applied to the network."""

    transaction_xdr: str
    network_passphrase: str
    expires_at: datetime


class PayoutView(BaseModel):
    agreement: str
    role: PayoutRole
    address: str
    asked_by: str
    asked_at: datetime
    effective_at: datetime
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    approvals_voided: list[str] = Field(default_factory=list)


@router.post("/wallets", status_code=201, responses=problems(409))
async def register_wallet(
    body: RegistrationBody, engine: Running, caller: Caller, asked: Asked, response: Response
) -> WalletView:
    """Register an account; answered again with 200 when it is known as the same owner's."""
    address, owner = check_address(body.address), body.owner or asked.actor
    wanted = RegisterWallet(address, owner, asked, datetime.now(UTC))
    if not await register(engine.database, wanted):
        response.status_code = 200
    await wallet_commands.read_wallet(engine, address)
    return await get_wallet(address, engine.database, caller)


@router.get("/wallets")
async def list_wallets(
    database: Database, caller: Caller, paging: Paging, owner: Text | None = None
) -> list[WalletView]:
    async with database.autocommit() as connection:
        found = await wallets.page(connection, owner, paging.offset, paging.size)
    return [WalletView.of(wallet) for wallet in found]


@router.get("/wallets/{address}", responses=problems(404))
async def get_wallet(address: Address, database: Database, caller: Caller) -> WalletView:
    async with database.autocommit() as connection:
        return WalletView.of(await wallets.get(connection, check_address(address)))


@router.post("/wallets/{address}/refresh", responses=problems(404))
async def refresh_wallet(address: Address, engine: Running, caller: Caller) -> WalletView:
    """Ask the network again what the account can take."""
    await _known(engine.database, address)
    await wallet_commands.read_wallet(engine, address)
    return await get_wallet(address, engine.database, caller)


@router.post("/wallets/{address}/challenges", status_code=201, responses=problems(404, 409))
async def challenge_wallet(address: Address, engine: Running, caller: Caller) -> ChallengeView:
    """Ask for a challenge (SEP-10): signed with the wallet's key, it proves who holds it."""
    await _known(engine.database, address)
    given = await wallet_commands.challenge_wallet(engine, address)
    return ChallengeView(
        transaction_xdr=given.transaction_xdr,
        network_passphrase=given.network_passphrase,
        expires_at=given.expires_at,
    )


@router.post("/wallets/{address}/proofs", status_code=201, responses=problems(404, 409))
async def prove_wallet(
    address: Address, body: ProofBody, engine: Running, caller: Caller
) -> WalletView:
    """Answer a challenge; each one is used once."""
    await _known(engine.database, address)
    await wallet_commands.prove_wallet(engine, SignedChallenge(address, body.transaction_xdr))
    return await get_wallet(address, engine.database, caller)


@router.post("/wallets/{address}/fund", responses=problems(404, 409))
async def fund_wallet(address: Address, engine: Running, caller: Caller) -> WalletView:
    """Have a test network's friendbot fund the account."""
    if engine.settings.stellar_network == "public":
        raise Conflict("the public network has no friendbot: fund the account from another one")
    await _known(engine.database, address)
    await wallet_commands.fund_wallet(engine, address)
    return await get_wallet(address, engine.database, caller)


@router.get("/agreements/{agreement}/payouts/{role}")
async def list_payouts(
    agreement: AgreementName, role: PayoutRole, database: Database, caller: Caller
) -> list[PayoutView]:
    """List the changes of a party's address, newest first."""
    async with database.autocommit() as connection:
        changes = await wallets.payout_history(connection, agreement, role)
    return [PayoutView.model_validate(asdict(each)) for each in changes]


@router.put("/agreements/{agreement}/payouts/{role}", responses=problems(404, 409))
async def change_payout(
    agreement: AgreementName,
    role: PayoutRole,
    body: PayoutBody,
    engine: Running,
    admin: Admin,
    asked: Asked,
) -> PayoutView:
    """
    Pay a party at another, proven address, once the cool-off has passed; what is approved for
    it and not signed yet has to be approved anew.
    """
    address, at = check_address(body.address), datetime.now(UTC)
    read = await wallet_commands.read_wallet(engine, address)
    wanted = Payout(
        agreement, role, address, compute_effective_at(at, engine.settings.payout_cool_off_hours)
    )
    voided = await change(engine.database, ChangePayout(wanted, read, asked, at))
    return PayoutView(
        agreement=agreement,
        role=role,
        address=address,
        asked_by=asked.actor,
        asked_at=at,
        effective_at=wanted.effective_at,
        approvals_voided=voided,
    )


@router.delete("/agreements/{agreement}/payouts/{role}", status_code=204, responses=problems(404))
async def cancel_payout(
    agreement: AgreementName, role: PayoutRole, engine: Running, admin: Admin, asked: Asked
) -> None:
    """Call a change of address off while it cools off."""
    wanted = CancelPayout(agreement, role, asked, datetime.now(UTC))
    await cancel(engine.database, wanted)


async def _known(database: Database, address: str) -> None:
    check_address(address)
    async with database.autocommit() as connection:
        await wallets.get(connection, address)
