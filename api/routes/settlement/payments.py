"""/payments: what was owed, and what the chain did about it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from adapters.postgres.accounting import journal, payment_traces
from adapters.postgres.settlement import payments
from adapters.postgres.settlement.listings import payments as payment_listings
from adapters.postgres.settlement.listings.payments import PaymentFilter
from api import commands
from api.access.permissions import require
from api.access.scopes import PaymentScope
from api.bodies import Text
from api.dependencies import Asked, CursorPaging, Database, Running
from api.parsing.bounds import Bound, parse_bounds
from api.payment_views import PaymentView
from api.rendering.export_streams import answer_file
from api.rendering.spreadsheets import render_csv
from api.rendering.trails import TrailStepView
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING, Scope
from domain.exports.statuses import PAYMENT_STATUSES
from domain.sla.verdicts import PaymentType
from services.exports.stream_list import stream_list
from services.settlement.checks.read_history import read_history
from services.settlement.checks.request_check import CheckKind, RequestCheck, request_check

router = APIRouter(prefix="/payments", tags=["payments"])
RETRY = [require(Permission.PAYMENTS_RETRY)]
PaymentId = Annotated[Text, Path(max_length=64)]
COLUMNS = (
    *("id", "outage_id", "type", "status", "state", "amount", "amount_stroops", "asset_code"),
    *("from_address", "to_address", "transaction_hash", "ledger", "reason_code", "status_reason"),
    *("created_at", "confirmed_at"),
)


class PaymentTraceView(BaseModel):
    """A payment from its obligation to its proof."""

    payment: PaymentView
    attempts: list[dict[str, Any]]
    postings: list[dict[str, Any]]


class BalanceView(BaseModel):
    """An account of the journal; a debit balance is positive. All accounts sum to zero."""

    account: str
    balance_stroops: str


async def get_filter(
    status: Literal["pending", "confirmed", "completed", "failed"] | None = None,
    type: PaymentType | None = None,
    outage_id: Text | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> PaymentFilter:
    """Read which payments are meant; both dates are inclusive."""
    since, until = parse_bounds(date_from, date_to)
    states = None if status is None else PAYMENT_STATUSES[status]
    return PaymentFilter(states, type, outage_id, since, until)


Wanted = Annotated[PaymentFilter, Depends(get_filter)]


@router.get("")
async def list_payments(
    database: Database, scope: PaymentScope, paging: CursorPaging, wanted: Wanted
) -> CursorPageView[PaymentView]:
    """List payments, newest first."""
    async with database.autocommit() as connection:
        records, total = await payment_listings.list_page(
            connection, scope, wanted, paging.find_segment("payments")
        )
    items = [PaymentView.of(record) for record in records]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("payments", items, "created_at", "id"),
    )


@router.get("/ledger", dependencies=[require(Permission.JOURNAL_READ)])
async def get_balances(database: Database) -> list[BalanceView]:
    """Show every account of the double-entry journal."""
    async with database.autocommit() as connection:
        return [
            BalanceView(account=each.account, balance_stroops=str(each.balance_stroops))
            for each in await journal.list_balances(connection)
        ]


@router.get("/export", response_class=StreamingResponse)
async def export_payments(
    engine: Running, scope: PaymentScope, wanted: Wanted
) -> StreamingResponse:
    """Download every payment of a filter as CSV, newest first."""
    pieces = render_csv(COLUMNS, _read_all(engine.database, scope, wanted))
    return await answer_file(engine, pieces, "payments.csv", "text/csv; charset=utf-8")


async def _read_all(
    database: Database, scope: Scope, wanted: PaymentFilter
) -> AsyncGenerator[list[Any]]:
    records = stream_list(database, lambda each: payment_listings.stream(each, scope, wanted))
    async with aclosing(records):
        async for record in records:
            shown = PaymentView.of(record).model_dump(mode="json")
            yield [shown[name] for name in COLUMNS]


@router.get("/{payment_id}", responses=declare_problems(404))
async def get_payment(
    payment_id: PaymentId, database: Database, scope: PaymentScope
) -> PaymentView:
    """Show one payment; `state` is its exact state, `reason_code` why it waits."""
    return await _show(database, payment_id, scope)


async def _show(database: Database, payment_id: str, scope: Scope) -> PaymentView:
    async with database.autocommit() as connection:
        return PaymentView.of(await payments.get(connection, payment_id, scope))


@router.get("/{payment_id}/trace", responses=declare_problems(404))
async def explain_payment(
    payment_id: PaymentId, database: Database, scope: PaymentScope
) -> PaymentTraceView:
    """Tell every attempt, envelope, answer and posting of a payment."""
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment_id, scope)
        tried = await payment_traces.list_attempts(connection, payment_id)
        posted = await journal.list_by_payment(connection, payment_id)
    return PaymentTraceView(
        payment=PaymentView.of(record),
        attempts=[asdict(attempt) for attempt in tried],
        postings=[
            asdict(posting) | {"amount_stroops": str(posting.amount_stroops)} for posting in posted
        ],
    )


@router.get("/{payment_id}/history", responses=declare_problems(404))
async def get_history(
    payment_id: PaymentId, database: Database, scope: PaymentScope
) -> list[TrailStepView]:
    """Show every recorded step of one payment, the first one first, each with who took it."""
    found = await read_history(database, payment_id, scope)
    return [TrailStepView.of(entry) for entry in found]


@router.post("/{payment_id}/retry", dependencies=RETRY, responses=declare_problems(404, 409))
async def retry_payment(payment_id: PaymentId, engine: Running, asked: Asked) -> PaymentView:
    """
    Have a payment try again now: what stopped it is fixed. One that is confirmed is refused (409). It is
    not sent twice, whoever asks and however often.
    """
    return await _check(engine, RequestCheck(payment_id, CheckKind.RETRY, asked, datetime.now(UTC)))


@router.post("/{payment_id}/reconcile", dependencies=RETRY, responses=declare_problems(404))
async def reconcile_payment(payment_id: PaymentId, engine: Running, asked: Asked) -> PaymentView:
    """
    Have a payment compared with the chain now, whose word is final: nobody can state how it stands. One
    that is confirmed is answered as it is.
    """
    return await _check(
        engine, RequestCheck(payment_id, CheckKind.RECONCILE, asked, datetime.now(UTC))
    )


async def _check(engine: Running, wanted: RequestCheck) -> PaymentView:
    if await request_check(engine.database, wanted):
        await commands.retry_payment(engine, wanted.payment_id)
    return await _show(engine.database, wanted.payment_id, EVERYTHING)
