"""/outages/{outage_id}: take a verdict back before it is paid, by reopening the outage or voiding its debt."""

from fastapi import APIRouter, Response

from adapters.postgres.settlement import payments
from api import commands
from api.access.permissions import require
from api.bodies import CancelBody
from api.dependencies import Asked, Condition, Running, UpdateId
from api.responses import declare_problems
from api.routes.sla.outages import OutageId, show_outage
from api.views import OutageView
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import ReopenRequest, VoidRequest

router = APIRouter(prefix="/outages", tags=["outages"])


@router.post(
    "/{outage_id}/reopen",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def reopen_outage(
    outage_id: OutageId,
    body: CancelBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
) -> OutageView:
    """
    The service was not back: inside the dispute window the verdict is taken back, and the outage is open
    again. Its next verdict has the next revision. One that is disputed or paid is refused (409).
    """
    reopening = ReopenRequest(asked, body.reason, condition.get_version())
    await commands.reopen(engine, outage_id, reopening, update_id)
    return await show_outage(engine, outage_id, response, EVERYTHING)


@router.post(
    "/{outage_id}/void",
    dependencies=[require(Permission.PAYMENTS_VOID)],
    responses=declare_problems(404, 409),
)
async def void_debt(
    outage_id: OutageId,
    body: CancelBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
) -> OutageView:
    """
    What the outage owes is wrong: nothing is paid for it, and it ends. Whoever declared, amended or resolved
    it, or decided its dispute, may not do it (403). What is signed, or about to be, is refused (409).
    """
    voiding = VoidRequest(asked, body.reason, condition.get_version())
    await commands.void(engine, outage_id, voiding, update_id)
    async with engine.database.autocommit() as connection:
        owed = await payments.list_by_outage(connection, outage_id)
    for each in owed:
        if each.status is PaymentStatus.VOIDED:  # its workflow waits, and ends now
            await commands.retry_payment(engine, each.payment.id)
    return await show_outage(engine, outage_id, response, EVERYTHING)
