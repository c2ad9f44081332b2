"""
Answers that are files of unknown length. One that cannot be finished is cut off and never ended: the last part
of its chunked body is missing then, which clients notice.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from adapters.postgres.exports.exported_rows import ExportFilter
from api.dependencies import Asked, Engine, Running
from domain import requests
from domain.access import scopes
from domain.errors import TooMany
from domain.exports.datasets import COLUMNS, Dataset, ExportFormat
from domain.exports.export_files import MEDIA_TYPES, ExportFile
from services.exports.stream_export import MakeExport, stream_export

# Each has a connection to the database of its own, beside those that all requests share.
EXPORTS_AT_ONCE_MAX = 4
RETRY_AFTER_SECONDS = 30
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()},
        "headers": {
            "X-Export-Id": {
                "description": "Of `GET /exports/receipts/{export_id}`, which says what the whole file is.",
                "schema": {"type": "string"},
            }
        },
    }
}


class ExportStream(StreamingResponse):
    """Closes what it is read from however it ends, so that nothing is read for nobody."""

    def __init__(self, first: bytes, pieces: AsyncGenerator[bytes], **given: Any) -> None:
        self._pieces = pieces
        super().__init__(self._join(first), **given)

    async def _join(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for piece in self._pieces:
            yield piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()


@dataclass(frozen=True, slots=True)
class ExportCall:
    """One request for a file."""

    engine: Engine
    form: ExportFormat
    said: dict[str, str]
    asked: requests.Request
    is_head: bool

    async def answer(self, dataset: Dataset, wanted: ExportFilter, scope: scopes.Scope) -> Response:
        """Begin the file: what goes wrong before its first bytes is still answered as an error."""
        export_id = f"exp_{uuid4().hex}"
        name = f"{dataset}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{self.form}"
        answered: dict[str, Any] = {
            "headers": {
                "Content-Disposition": f'attachment; filename="{name}"',
                "X-Export-Id": export_id,
            },
            "media_type": MEDIA_TYPES[self.form],
        }
        if self.is_head:  # The headers alone: nothing is read, and nothing goes on record.
            return StreamingResponse(iter(()), **answered)
        command = MakeExport(export_id, dataset, wanted, scope, self.said, self.asked)
        file = ExportFile(self.form, COLUMNS[dataset])
        written = stream_export(self.engine.database, command, file, lambda: datetime.now(UTC))
        pieces = take_turn(self.engine, written)
        return ExportStream(await anext(pieces, b""), pieces, **answered)


async def take_turn(engine: Engine, written: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield what is written, as one of the few files that are written at a time. Raises TooMany before it begins."""
    if engine.exports >= EXPORTS_AT_ONCE_MAX:
        raise TooMany(
            f"{EXPORTS_AT_ONCE_MAX} exports are being written at this moment; come again soon",
            RETRY_AFTER_SECONDS,
        )
    engine.exports += 1
    try:
        async with aclosing(written) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        engine.exports -= 1


async def answer_file(
    engine: Engine, written: AsyncGenerator[bytes], name: str, media_type: str
) -> ExportStream:
    """Answer with a file; what goes wrong before its first piece is still answered as an error."""
    pieces = take_turn(engine, written)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    first = await anext(pieces, b"")
    return ExportStream(first, pieces, headers=headers, media_type=media_type)


async def get_export_call(
    request: Request, engine: Running, asked: Asked, format: ExportFormat = ExportFormat.CSV
) -> ExportCall:
    said = {name: value for name, value in request.query_params.items() if name != "format"}
    return ExportCall(engine, format, said, asked, request.state.method == "HEAD")


Exporting = Annotated[ExportCall, Depends(get_export_call)]
