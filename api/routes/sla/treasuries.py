"""/treasuries: the accounts that agreements pay from, what each holds and owes, and what it lacks."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from adapters.postgres.accounting import troubles
from adapters.postgres.settlement import limits
from api.access.permissions import require
from api.dependencies import CursorPaging, Database
from api.routes.settlement.limits import AmountView
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.accounting.troubles import TreasuryStanding, Trouble, TroubleCode

router = APIRouter(prefix="/treasuries", tags=["payments"])
# A treasury of all agreements is not to fill a page with their names.
NAMED_MAX = 20


class TreasuryTroubleView(BaseModel):
    """What keeps a treasury from paying, as the settlement worker saw it last."""

    code: TroubleCode = Field(description="What it is, for programs.")
    detail: str = Field(description="The same as a sentence.")
    since: datetime | None = Field(description="When the worker saw it first (UTC).")

    @classmethod
    def of(cls, trouble: Trouble) -> "TreasuryTroubleView":
        return cls(code=trouble.code, detail=trouble.sentence, since=trouble.since)


class TreasuryView(BaseModel):
    """
    A treasury as it stands. `balance` and `has_seed` are what the settlement worker saw at `seen_at`, every half
    minute; null is that none has looked.
    """

    address: str = Field(description="The account on the network, G...")
    agreements: list[str] = Field(
        description=f"The first {NAMED_MAX} agreements that pay from it, now or later, by name."
    )
    agreement_count: int = Field(description="How many agreements pay from it, now or later.")
    joined: bool = Field(
        description="False while its transfers are still being read on the chain; its payments are on hold until then."
    )
    has_seed: bool | None = Field(
        description="Whether the settlement worker that reported last has its seed."
    )
    balance: AmountView | None = Field(
        description="What it may send, without reserves; null where it holds no USDC, or none has looked."
    )
    seen_at: datetime | None = Field(description="When the balance was read (UTC).")
    owed: AmountView = Field(
        description="The payments from it for which nothing is signed: pending, on hold or blocked."
    )
    missing: AmountView = Field(
        description="By how much what is owed exceeds the balance; 0 while the balance is not known."
    )
    missing_since: datetime | None = Field(
        description="When the settlement worker saw first that something is missing (UTC)."
    )
    spent_today: AmountView = Field(
        description="What was let go from it on this UTC day, as the cap per day counts it."
    )
    left_today: AmountView | None = Field(
        description="What the cap per day, which holds for each treasury apart, leaves of this UTC day; null where nothing limits it."
    )
    troubles: list[TreasuryTroubleView] = Field(
        description="What keeps it from paying, the oldest first; empty when nothing does."
    )

    @classmethod
    def of(cls, standing: TreasuryStanding, cap: int | None) -> "TreasuryView":
        known, spent = standing.treasury, standing.spent_stroops
        left = None if cap is None else max(cap - spent, 0)
        return cls(
            address=known.address,
            agreements=list(known.named_by[:NAMED_MAX]),
            agreement_count=len(known.named_by),
            joined=known.joined,
            has_seed=known.signable,
            balance=AmountView.of(known.balance_stroops),
            seen_at=known.seen_at,
            owed=AmountView.of_stroops(known.unsigned_stroops),
            missing=AmountView.of_stroops(known.missing_stroops),
            missing_since=standing.missing_since,
            spent_today=AmountView.of_stroops(spent),
            left_today=AmountView.of(left),
            troubles=[TreasuryTroubleView.of(each) for each in standing.troubles],
        )


@router.get("", dependencies=[require(Permission.PAYMENTS_READ)])
async def list_treasuries(database: Database, paging: CursorPaging) -> CursorPageView[TreasuryView]:
    """List by address the accounts that agreements pay from: what each holds, owes and lacks."""
    segment = paging.find_segment("treasuries", dated=False)
    async with database.autocommit() as connection:
        found, total = await troubles.list_treasuries(connection, datetime.now(UTC), segment)
        allowed = await limits.get_enforced(connection)
    shown = [TreasuryView.of(each, allowed.cap_per_day) for each in found]
    return CursorPageView(
        items=shown,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("treasuries", shown, "address"),
    )
