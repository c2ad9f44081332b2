"""/auth/events: tells a browser at once that its session has ended."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.access.permissions import require
from api.dependencies import Caller, Running
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.access.sessions import EndReason
from domain.errors import TooMany

router = APIRouter(prefix="/auth", tags=["access"])
HEARTBEAT_SECONDS = 15.0
# The frontend knows three reasons; `cause` is the exact one.
REASONS = {
    EndReason.LOGOUT: EndReason.SESSION_EXPIRED,
    EndReason.REFRESH_REUSED: EndReason.SESSION_EXPIRED,
    EndReason.PERSON_DISABLED: EndReason.ADMIN_LOGOUT,
}
STREAMS_A_SESSION_MAX, STREAMS_A_PERSON_MAX = 20, 40
# The others are for requests: a stream keeps its connection.
STREAMS_FRACTION = 0.5


@router.get(
    "/events",
    dependencies=[require(Permission.SELF_MANAGE)],
    response_class=StreamingResponse,
    responses=declare_problems(429),
)
async def stream_session_events(engine: Running, caller: Caller) -> StreamingResponse:
    """
    Server-sent events: `heartbeat` every 15 seconds, and `session_revoked` with its `reason` once, at the end.
    """
    watch, session_id = engine.access.watch, caller.session_id or ""
    own, person_id = len(watch.listeners.get(session_id, ())), caller.person_id or ""
    if own >= STREAMS_A_SESSION_MAX or watch.people[person_id] >= STREAMS_A_PERSON_MAX:
        raise TooMany("too many of your pages listen already: close some", 30)
    if watch.count >= engine.settings.api_connections_max * STREAMS_FRACTION:
        raise TooMany("too many pages of everybody's listen already: come again later", 30)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(engine, session_id, person_id), media_type="text/event-stream", headers=headers
    )


async def _stream(engine: Running, session_id: str, person_id: str) -> AsyncIterator[bytes]:
    watch = engine.access.watch
    ended = watch.listen(session_id, person_id)
    try:
        yield _format("heartbeat", {})
        while True:
            try:
                reason: EndReason = await asyncio.wait_for(ended.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield _format("heartbeat", {})
                continue
            reason_shown = REASONS.get(reason, reason)
            yield _format("session_revoked", {"reason": reason_shown, "cause": reason})
            return
    finally:
        watch.leave(session_id, person_id, ended)


def _format(event: str, data: dict[str, str]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(data))
