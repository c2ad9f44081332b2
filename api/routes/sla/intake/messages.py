"""/intake/messages: what sources sent, byte for byte, as evidence."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from adapters.postgres.sla.intake import messages
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, CursorPaging, Database
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.sla.intake.messages import MessageStatus
from services.sla.intake.dismiss_message import DismissMessage
from services.sla.intake.dismiss_message import dismiss_message as dismiss

router = APIRouter(prefix="/intake/messages", tags=["intake"])
READ = [require(Permission.OUTAGES_READ)]
MessageId = Annotated[Text, Path(max_length=64)]


class MessageDismissalBody(Body):
    reason: str = Field(min_length=1, max_length=500)


class MessageView(BaseModel):
    """`digest` is the SHA-256 of its bytes; `times`, how often they came."""

    id: str
    source: str
    digest: str
    received_at: datetime
    last_received_at: datetime
    times: int
    status: MessageStatus
    problem: str | None


class MessageContentView(MessageView):
    """`content` is its text; what is no UTF-8 in it is shown as U+FFFD."""

    content: str


@router.get("", dependencies=READ, responses=GOES_ON)
async def list_messages(
    database: Database,
    paging: CursorPaging,
    response: Response,
    status: MessageStatus | None = None,
    source: Annotated[Text | None, Query(max_length=64)] = None,
) -> list[MessageView]:
    """List messages, the newest first; a quarantined one is a notice that a person has to read."""
    statuses = [] if status is None else [status]
    async with database.autocommit() as connection:
        found = await messages.list_newest(
            connection, statuses, source, paging.find_segment("messages")
        )
    set_next_cursor(response, paging.make_cursor("messages", found, "received_at", "id"))
    return [MessageView.model_validate(asdict(each)) for each in found]


@router.get("/{message_id}", dependencies=READ, responses=declare_problems(404))
async def get_message(message_id: MessageId, database: Database) -> MessageContentView:
    """Show one message with its content, as it was sent."""
    async with database.autocommit() as connection:
        found = await messages.get(connection, message_id)
    text = (found.content or b"").decode("utf-8", "replace")
    return MessageContentView.model_validate(asdict(found) | {"content": text})


@router.post(
    "/{message_id}/dismiss",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    status_code=204,
    responses=declare_problems(404, 409),
)
async def dismiss_message(
    message_id: MessageId, body: MessageDismissalBody, database: Database, asked: Asked
) -> Response:
    """Say that a notice in quarantine has been seen to."""
    await dismiss(database, DismissMessage(message_id, body.reason, asked, datetime.now(UTC)))
    return Response(status_code=204)
