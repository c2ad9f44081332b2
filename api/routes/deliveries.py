"""/webhooks/{webhook_id}/...: what was delivered to a receiver, tried in vain, and tried again."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from adapters.postgres import deliveries, webhooks
from api.access.permissions import require
from api.bodies import Body, Instant, Text
from api.dependencies import Asked, CursorPage, Database, Running
from api.jobs.commands import start_job
from api.parsing.cursors import CURSOR_MAX
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.deliveries import DeliveryAttempt, DeliveryRecord, DeliveryStatus
from domain.errors import Invalid
from services.integration.deliveries.repeat_failed import RepeatFailed, repeat_failed
from services.integration.deliveries.retry_delivery import RetryDelivery
from services.integration.deliveries.retry_delivery import retry_delivery as retry
from services.integration.webhooks.send_test_event import SendTestEvent, send_test_event
from services.jobs.jobs.record_job import make_job_id

router = APIRouter(prefix="/webhooks/{webhook_id}", tags=["webhooks"])
MANAGE = [require(Permission.WEBHOOKS_MANAGE)]
WebhookId = Annotated[Text, Path(max_length=64)]
DeliveryId = Annotated[Text, Path(max_length=64)]


class DeliveryView(BaseModel):
    id: str
    event_id: str
    event: str
    outage_id: str | None
    status: DeliveryStatus
    attempts: int
    response_code: int | None
    problem: str | None
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, record: DeliveryRecord) -> "DeliveryView":
        return cls.model_validate(asdict(record) | {"event": record.type})


class AttemptView(BaseModel):
    """`excerpt` is the first kilobyte that the receiver answered, as text; empty when it was compressed."""

    attempt: int
    attempted_at: datetime
    latency_ms: int
    response_code: int | None
    problem: str
    excerpt: str

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> "AttemptView":
        return cls.model_validate(asdict(attempt) | {"attempted_at": attempt.at})


class DetailedDeliveryView(DeliveryView):
    history: list[AttemptView]


class RedeliverBody(Body):
    since: Instant


class RedeliveredView(BaseModel):
    """How many there are, and the job that makes them due."""

    deliveries: int
    job_id: str


@router.get("/deliveries", dependencies=MANAGE, responses=GOES_ON | declare_problems(404))
async def list_deliveries(
    webhook_id: WebhookId,
    database: Database,
    response: Response,
    status: DeliveryStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=CURSOR_MAX)] = None,
) -> list[DeliveryView]:
    """The newest deliveries; those with the status `failed` were given up."""
    paging = CursorPage(1, limit, cursor or None)
    async with database.autocommit() as connection:
        await webhooks.require(connection, webhook_id)
        records = await deliveries.list_deliveries(
            connection, webhook_id, status, paging.find_segment("deliveries")
        )
    set_next_cursor(response, paging.make_cursor("deliveries", records, "created_at", "id"))
    return [DeliveryView.of(record) for record in records]


@router.get("/deliveries/{delivery_id}", dependencies=MANAGE, responses=declare_problems(404))
async def get_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, database: Database
) -> DetailedDeliveryView:
    """A delivery with every attempt: when, how long it took, and what was answered."""
    async with database.autocommit() as connection:
        record = await deliveries.get_delivery(connection, webhook_id, delivery_id)
        history = await deliveries.list_attempts(connection, delivery_id)
    shown = DeliveryView.of(record).model_dump()
    return DetailedDeliveryView(**shown, history=[AttemptView.of(each) for each in history])


@router.post(
    "/deliveries/{delivery_id}/retry",
    dependencies=MANAGE,
    responses=declare_problems(404, 409),
)
async def retry_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, database: Database, asked: Asked
) -> DeliveryView:
    """Post a delivery again now: one that was given up, or that waits for its next attempt."""
    await retry(database, RetryDelivery(webhook_id, delivery_id, asked, datetime.now(UTC)))
    return await _show(database, webhook_id, delivery_id)


@router.post("/redeliver", dependencies=MANAGE, responses=declare_problems(404, 409))
async def repeat_deliveries(
    webhook_id: WebhookId, body: RedeliverBody, engine: Running, asked: Asked
) -> RedeliveredView:
    """Deliver again whatever was given up of the events since an instant; a job, on record when this answers, does it."""
    now = datetime.now(UTC)
    if body.since > now:
        raise Invalid("since", "must be an instant of the past with a time zone")
    wanted = RepeatFailed(webhook_id, body.since, make_job_id(), asked, now)
    job = await repeat_failed(engine.database, wanted)
    await start_job(engine, job)
    return RedeliveredView(deliveries=job.total or 0, job_id=job.id)


@router.post("/test", dependencies=MANAGE, status_code=201, responses=declare_problems(404, 409))
async def send_test(webhook_id: WebhookId, database: Database, asked: Asked) -> DeliveryView:
    """Send the receiver a `webhook.test`, signed as every event is."""
    wanted = SendTestEvent(webhook_id, asked, datetime.now(UTC))
    return await _show(database, webhook_id, await send_test_event(database, wanted))


async def _show(database: Database, webhook_id: str, delivery_id: str) -> DeliveryView:
    async with database.autocommit() as connection:
        return DeliveryView.of(await deliveries.get_delivery(connection, webhook_id, delivery_id))
