"""/payments/limits: how much may leave, and how much of it has left today."""

from datetime import UTC, date, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from adapters.postgres.settlement import limits
from api.access.permissions import require
from api.dependencies import Database
from api.views import to_number
from domain.access.permissions import Permission
from domain.settlement.limits import Spending

router = APIRouter(prefix="/payments/limits", tags=["payments"])


class AmountView(BaseModel):
    """USDC, and the exact number of stroops."""

    amount: int | float
    amount_stroops: str

    @classmethod
    def of(cls, amount_stroops: int | None) -> "AmountView | None":
        if amount_stroops is None:
            return None
        return cls.of_stroops(amount_stroops)

    @classmethod
    def of_stroops(cls, amount_stroops: int) -> "AmountView":
        return cls(amount=to_number(amount_stroops), amount_stroops=str(amount_stroops))


class SpentView(BaseModel):
    """What an account has paid, or was paid, today; `left` is null where nothing limits it."""

    account: str
    spent: AmountView
    left: AmountView | None

    @classmethod
    def of(cls, spending: Spending, cap: int | None) -> "SpentView":
        left = None if cap is None else max(cap - spending.spent_stroops, 0)
        shown = AmountView.of_stroops(spending.spent_stroops)
        return cls(account=spending.account, spent=shown, left=AmountView.of(left))


class LimitsView(BaseModel):
    """
    What the settlement worker enforces; null is no limit. `treasuries` and `payees` count the
    payments let go on `day` (UTC) since any limit is set; of the payees those paid most.
    """

    cap_per_payment: AmountView | None
    cap_per_day: AmountView | None
    cap_per_payee_per_day: AmountView | None
    approval_above: AmountView | None
    approval_above_stated: AmountView | None
    day: date
    treasuries: list[SpentView]
    payees: list[SpentView]


@router.get("", dependencies=[require(Permission.PAYMENTS_READ)])
async def get_limits(database: Database) -> LimitsView:
    """Show the caps, the limit of approval, and what is used of them today (UTC)."""
    day = datetime.now(UTC).date()
    async with database.autocommit() as connection:
        allowed = await limits.get_enforced(connection)
        payers = await limits.list_spent(connection, day, "payer")
        payees = await limits.list_spent(connection, day, "payee")
    return LimitsView(
        cap_per_payment=AmountView.of(allowed.cap_per_payment),
        cap_per_day=AmountView.of(allowed.cap_per_day),
        cap_per_payee_per_day=AmountView.of(allowed.cap_per_payee_per_day),
        approval_above=AmountView.of(allowed.approval_above),
        approval_above_stated=AmountView.of(allowed.approval_above_stated),
        day=day,
        treasuries=[SpentView.of(each, allowed.cap_per_day) for each in payers],
        payees=[SpentView.of(each, allowed.cap_per_payee_per_day) for each in payees],
    )
