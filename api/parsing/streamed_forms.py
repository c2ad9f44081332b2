"""The file of a form as it comes: multipart/form-data (RFC 7578) of any size, of which no more than a piece is kept."""

from collections.abc import AsyncIterator
from email.message import Message

from api.parsing.multipart import PARTS_MAX, RULE, find_boundary, parse_head, read_filename
from domain.errors import Invalid

HEAD_BYTES_MAX = 8192


class StreamedForm:
    """Call `find_file`, then `read_file` to its end, which refuses a form that is cut short or has two files."""

    def __init__(self, content_type: str | None, body: AsyncIterator[bytes]) -> None:
        self._delimiter = find_boundary(content_type or "")
        self._body = body
        self._kept = bytearray(b"\r\n")

    async def find_file(self) -> tuple[str, str]:
        """Return the name and the content type of the part named file."""
        await self._skip_part()
        head = await self._find_head()
        if head is None:
            raise Invalid("file", f"{RULE}, and has none")
        return read_filename(head), head.get_content_type()

    async def read_file(self) -> AsyncIterator[bytes]:
        async for piece in self._read_part():
            yield piece
        if await self._find_head() is not None:
            raise Invalid("file", f"{RULE}, and has more than one")

    async def _find_head(self) -> Message | None:
        """Go on to the next part named file; None at the end of the form."""
        for _ in range(PARTS_MAX):
            head = await self._read_head()
            if head is None or head.get_param("name", header="content-disposition") == "file":
                return head
            await self._skip_part()
        raise Invalid("body", f"{RULE}; this one has more than {PARTS_MAX} parts")

    async def _skip_part(self) -> None:
        async for _ in self._read_part():
            pass

    async def _read_part(self) -> AsyncIterator[bytes]:
        """Yield what stands before the next boundary, and go past that."""
        kept, overlap = self._kept, len(self._delimiter) - 1
        while (at := kept.find(self._delimiter)) < 0:
            if len(kept) > overlap:
                yield bytes(kept[:-overlap])
                del kept[:-overlap]
            await self._receive()
        if at:
            yield bytes(kept[:at])
        del kept[: at + len(self._delimiter)]

    async def _read_head(self) -> Message | None:
        kept = self._kept
        while len(kept) < 2:
            await self._receive()
        if kept.startswith(b"--"):
            return None
        while (at := kept.find(b"\r\n\r\n")) < 0:
            if len(kept) > HEAD_BYTES_MAX:
                raise Invalid("body", f"{RULE}; a part of this one has no head")
            await self._receive()
        head = parse_head(bytes(kept[:at]))
        del kept[: at + 4]
        return head

    async def _receive(self) -> None:
        async for piece in self._body:
            self._kept += piece
            return
        raise Invalid("body", f"{RULE}; this one is cut short")
