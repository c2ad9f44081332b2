"""/agreements: the addresses at which the parties of an agreement are paid."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from adapters.postgres.settlement import wallets
from api import wallet_commands
from api.access.permissions import require
from api.access.scopes import WalletScope
from api.bodies import Body, Text
from api.dependencies import Asked, Database, Running
from api.parsing import patterns
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.settlement.owners.wallets import Payout, PayoutRole, check_address, compute_effective_at
from services.settlement.payouts.cancel_payout import CancelPayout
from services.settlement.payouts.cancel_payout import cancel_payout as cancel
from services.settlement.payouts.change_payout import ChangePayout
from services.settlement.payouts.change_payout import change_payout as change

router = APIRouter(tags=["wallets"])
AgreementName = Annotated[Text, Path(max_length=100)]


class PayoutBody(Body):
    address: Text = Field(max_length=100, json_schema_extra=patterns.ADDRESS)


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


@router.get("/agreements/{agreement}/payouts/{role}")
async def list_payouts(
    agreement: AgreementName, role: PayoutRole, database: Database, scope: WalletScope
) -> list[PayoutView]:
    """List the changes of a party's address, newest first."""
    async with database.autocommit() as connection:
        changes = await wallets.list_payouts(connection, agreement, role, scope)
    return [PayoutView.model_validate(asdict(each)) for each in changes]


@router.put(
    "/agreements/{agreement}/payouts/{role}",
    dependencies=[require(Permission.PAYOUTS_WRITE)],
    responses=declare_problems(404, 409),
)
async def change_payout(
    agreement: AgreementName,
    role: PayoutRole,
    body: PayoutBody,
    engine: Running,
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


@router.delete(
    "/agreements/{agreement}/payouts/{role}",
    dependencies=[require(Permission.PAYOUTS_WRITE)],
    status_code=204,
    responses=declare_problems(404),
)
async def cancel_payout(
    agreement: AgreementName, role: PayoutRole, engine: Running, asked: Asked
) -> None:
    """Call a change of address off while it cools off."""
    wanted = CancelPayout(agreement, role, asked, datetime.now(UTC))
    await cancel(engine.database, wanted)
