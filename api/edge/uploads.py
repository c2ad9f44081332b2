"""
Files that are sent to be imported: larger than any other body, and longer on their way. They are let in by
their route, which knows by then who sends one; whoever is not let in is not heard out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Scope

from api.edge.body_limits import BodyReader
from api.edge.protocol import CONNECTION, EdgeProtocol
from domain.errors import Unavailable

UPLOADS_MAX = 4
_UPLOAD = "upload"


class Uploads:
    """How many files are on their way to this process at once."""

    def __init__(self, most: int = UPLOADS_MAX) -> None:
        self.most = most
        self.count = 0

    @contextmanager
    def offer(self, scope: Scope, reader: BodyReader) -> Iterator[None]:
        """Let the route of a request decide whether its body comes in."""
        upload = Upload(self, reader, scope["state"].get(CONNECTION))
        scope["state"][_UPLOAD] = upload
        try:
            yield
        finally:
            upload.end()


class Upload:
    """One file that is offered."""

    def __init__(self, uploads: Uploads, reader: BodyReader, find_connection: Any) -> None:
        self.uploads = uploads
        self.reader = reader
        # None where another server than ours holds it.
        connection = find_connection() if find_connection is not None else None
        self.connection = connection if isinstance(connection, EdgeProtocol) else None
        self.allowed = False

    def allow(self) -> None:
        """Let the file in. Raises Unavailable while as many as may are on their way."""
        if self.uploads.count >= self.uploads.most:
            raise Unavailable("too many files are on their way: repeat the request in a moment")
        self.uploads.count += 1
        self.allowed = True
        self.reader.allow_stream()
        if self.connection is not None:
            self.connection.allow_upload()

    def end(self) -> None:
        if self.allowed:
            self.uploads.count -= 1
        if self.connection is not None:
            self.connection.drop_upload()


def is_upload(scope: Scope) -> bool:
    return _UPLOAD in scope["state"]


def get_upload(scope: Scope) -> Upload:
    """Return the file that comes with a request of a route that takes files."""
    upload: Upload = scope["state"][_UPLOAD]
    return upload
