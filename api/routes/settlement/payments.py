"""/payments: what was owed, and what the chain did about it."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel

from adapters.postgres.accounting import journal, payment_traces
from adapters.postgres.settlement import payments
from api.access.permissions import require
from api.bodies import Day, Text, get_bounds
from api.dependencies import Database, Paging
from api.payment_views import PAYMENT_STATES, PaymentView
from api.responses import declare_problems
from api.views import PageView
from domain.access.permissions import Permission
from domain.sla.verdicts import PaymentType

router = APIRouter(prefix="/payments", tags=["payments"])
PaymentId = Annotated[Text, Path(max_length=64)]


class PaymentTraceView(BaseModel):
    """A payment from its obligation to its proof."""

    payment: PaymentView
    attempts: list[dict[str, Any]]
    postings: list[dict[str, Any]]


class BalanceView(BaseModel):
    """An account of the journal; a debit balance is positive. All accounts sum to zero."""

    account: str
    balance_stroops: str


@router.get("", dependencies=[require(Permission.PAYMENTS_READ)])
async def list_payments(
    database: Database,
    paging: Paging,
    status: Literal["pending", "confirmed", "completed", "failed"] | None = None,
    type: PaymentType | None = None,
    outage_id: Text | None = None,
    date_from: Day | None = None,
    date_to: Day | None = None,
) -> PageView[PaymentView]:
    """List payments, newest first; both dates are inclusive."""
    since, until = get_bounds(date_from, date_to)
    async with database.autocommit() as connection:
        records, total = await payments.list_page(
            connection,
            statuses=None if status is None else PAYMENT_STATES[status],
            type_=type,
            outage_id=outage_id,
            since=since,
            until=until,
            offset=paging.offset,
            limit=paging.size,
        )
    items = [PaymentView.of(record) for record in records]
    return PageView(items=items, total=total, page=paging.number, page_size=paging.size)


@router.get("/ledger", dependencies=[require(Permission.JOURNAL_READ)])
async def get_balances(database: Database) -> list[BalanceView]:
    """Show every account of the double-entry journal."""
    async with database.autocommit() as connection:
        return [
            BalanceView(account=each.account, balance_stroops=str(each.balance_stroops))
            for each in await journal.list_balances(connection)
        ]


@router.get(
    "/{payment_id}",
    dependencies=[require(Permission.PAYMENTS_READ)],
    responses=declare_problems(404),
)
async def get_payment(payment_id: PaymentId, database: Database) -> PaymentView:
    async with database.autocommit() as connection:
        return PaymentView.of(await payments.get(connection, payment_id))


@router.get(
    "/{payment_id}/trace",
    dependencies=[require(Permission.PAYMENTS_READ)],
    responses=declare_problems(404),
)
async def explain_payment(payment_id: PaymentId, database: Database) -> PaymentTraceView:
    """Tell every attempt, envelope, answer and posting of a payment."""
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment_id)
        tried = await payment_traces.list_attempts(connection, payment_id)
        posted = await journal.list_by_payment(connection, payment_id)
    return PaymentTraceView(
        payment=PaymentView.of(record),
        attempts=[asdict(attempt) for attempt in tried],
        postings=[
            asdict(posting) | {"amount_stroops": str(posting.amount_stroops)} for posting in posted
        ],
    )
