"""
The server's side of one connection: uvicorn's, held to the limits that it does not have itself.

A head is counted while it arrives, so a header of any size costs no more than the limit. A connection that
keeps the process waiting is closed; when all are taken, the one that has waited longest without a request
gives way, so that half-sent requests keep nobody out.
"""

import asyncio
import weakref
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.edge.body_limits import BODY_BYTES_MAX
from api.edge.limits import EdgeLimits
from api.edge.raw_problems import (
    BODIES_CROWDED,
    BODY_TOO_LATE,
    CROWDED,
    HEAD_TOO_LARGE,
    HEAD_TOO_LATE,
    MALFORMED,
    Refusal,
    render_answer,
)
from api.edge.request_metrics import count_refusal
from api.edge.small_reads import SmallReads

# Under this name a request knows its connection.
CONNECTION = "connection"


class _Stop(Exception):
    """Ends the parser's work on a request; it hides whatever its callbacks raise."""


class ConnectionGate:
    """Makes the connections of one server, and knows which of them wait for a request, or for a body."""

    def __init__(self, limits: EdgeLimits) -> None:
        self.limits = limits
        # In the order in which they began to wait, and to send.
        self.waiting: dict[EdgeProtocol, None] = {}
        self.sending: dict[EdgeProtocol, None] = {}

    def __call__(self, **given: Any) -> SmallReads:
        return SmallReads(EdgeProtocol(self, **given))

    def admit(self, arrived: "EdgeProtocol", opened: int) -> bool:
        """Whether one connection more may stay; if need be, another one goes for it."""
        if opened > self.limits.connections_max:
            longest = next(iter(self.waiting), None)
            if longest is None:
                return False
            del self.waiting[longest]
            longest.transport.abort()
        self.waiting[arrived] = None
        return True

    def begin_body(self, begun: "EdgeProtocol") -> None:
        """Let a body arrive; if need be, the one that has taken longest is given up for it."""
        self.sending[begun] = None
        if len(self.sending) > self.limits.bodies_max:
            next(iter(self.sending)).give_up(BODIES_CROWDED)

    def forget(self, connection: "EdgeProtocol") -> None:
        self.waiting.pop(connection, None)
        self.sending.pop(connection, None)


class EdgeProtocol(HttpToolsProtocol):
    """One connection. `quiet_bytes` counts what has arrived of a head or a trailer that has no end yet."""

    def __init__(self, gate: ConnectionGate, **given: Any) -> None:
        super().__init__(**given)
        self.gate = gate
        self.limits = gate.limits
        self.deadline: TimerHandle | None = None
        self.unread: TimerHandle | None = None
        self.in_head = self.in_body = False
        self.quiet_bytes = self.head_size = 0
        self.uploaded = 0
        self.upload_ends_at = 0.0
        self.refusal: Refusal | None = None
        self.refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.gate.admit(self, len(self.connections)):
            return self._expect_head()
        self.refused = True
        self._answer(CROWDED)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gate.forget(self)
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return  # it is heard out, and not listened to
        if self.deadline is None:
            self._expect_head()
        self.quiet_bytes += len(data)
        super().data_received(data)
        if self.in_body and not self.refused:
            self.gate.begin_body(self)  # which did not come with its head
        unfinished = self.in_head or self.in_body
        if not unfinished:
            self.quiet_bytes = 0
        if self.quiet_bytes > self.limits.head_bytes_max and not self.refused:
            self.give_up(HEAD_TOO_LARGE)

    # What the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined_max:
            self._stop(CROWDED)
        super().on_message_begin()
        self.in_head, self.head_size = True, 0
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer, which nobody asks for
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= self.limits.headers_max:
            self._stop(HEAD_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.in_head, self.in_body, self.quiet_bytes = False, True, 0
        self.gate.waiting.pop(self, None)
        super().on_headers_complete()
        # For a route that lets a file in; the application has not begun yet. What refers to each other in a
        # circle is freed late, with all that it holds.
        self.scope["state"][CONNECTION] = weakref.ref(self)
        self._arm(self.limits.body_within_seconds, self._end_late_body)

    def on_body(self, body: bytes) -> None:
        self.quiet_bytes = 0
        self.uploaded += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._disarm()
        self.gate.sending.pop(self, None)
        self.in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self.gate.waiting[self] = None

    def _count(self, size: int) -> None:
        self.head_size += size
        if self.head_size > self.limits.head_bytes_max:
            self._stop(HEAD_TOO_LARGE)

    def _stop(self, refusal: Refusal) -> None:
        self.refusal = refusal
        raise _Stop

    # What takes too long --------------------------------------------------------------------

    def _arm(self, seconds: float, then: Any) -> None:
        self._disarm()
        self.deadline = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _expect_head(self) -> None:
        self._arm(self.limits.head_within_seconds, self._end_late_head)

    def _end_late_head(self) -> None:
        if not self._is_idle():  # the caller waits for us
            self._expect_head()
        elif self.in_head:
            self.give_up(HEAD_TOO_LATE)
        else:
            self.transport.close()

    def _end_late_body(self) -> None:
        if self.flow.read_paused:  # the caller waits for us
            self._arm(self.limits.body_within_seconds, self._end_late_body)
        elif self._is_idle():  # what was answered before it was whole
            self.transport.close()
        else:
            self.give_up(BODY_TOO_LATE)

    def allow_upload(self) -> None:
        """Let the body take its time, as long as it goes on: its caller is known, and sends a file."""
        if not self.in_body:
            return
        self.gate.sending.pop(self, None)
        self.upload_ends_at = self.loop.time() + self.limits.upload_within_seconds
        self._expect_more()

    def _expect_more(self) -> None:
        self.uploaded = 0
        self._arm(self.limits.upload_look_seconds, self._end_slow_upload)

    def _end_slow_upload(self) -> None:
        goes_on = self.flow.read_paused or self.uploaded >= self.limits.upload_bytes_min
        if goes_on and self.loop.time() < self.upload_ends_at:
            self._expect_more()
        else:
            self.give_up(BODY_TOO_LATE)

    def drop_upload(self) -> None:
        """Read no more of a body that was answered before it was whole, unless it ends soon."""
        length = dict(self.headers).get(b"content-length", b"")
        if length.isdigit() and int(length) <= BODY_BYTES_MAX:
            return  # the caller goes on with this connection
        if self.in_body and not self.transport.is_closing():
            self.refused = True
            self.gate.forget(self)
            self._linger()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.unread is None:
            self.unread = self.loop.call_later(
                self.limits.read_within_seconds, self.transport.abort
            )

    def resume_writing(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None
        super().resume_writing()

    # Refusals -------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _answer(self, refusal: Refusal) -> None:
        count_refusal(refusal.code)
        self.transport.write(render_answer(refusal))

    def send_400_response(self, msg: str) -> None:
        self.give_up(self.refusal or MALFORMED)

    def give_up(self, refusal: Refusal) -> None:
        """Answer, unless an answer to an earlier request is on its way; close soon."""
        self.refused = True
        self._disarm()
        self.gate.forget(self)
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if not self._is_idle():
            if self.pipeline or cycle.response_started or not cycle.more_body:
                return self.transport.abort()
            cycle.disconnected = True
            cycle.message_event.set()
        self._answer(refusal)
        self._linger()

    def _linger(self) -> None:
        """Hear the caller out for a moment, so that it reads the answer."""
        self.transport.write_eof()
        self.flow.resume_reading()
        self.gate.waiting[self] = None
        self._arm(self.limits.linger_seconds, self.transport.close)
