"""The file of a form: one part of multipart/form-data (RFC 7578), with its name and its bytes."""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser
from typing import Any

from domain.errors import Invalid

FORM = "multipart/form-data"
PARTS_MAX = 20
NAME_MAX = 200
RULE = f"must be {FORM} with one part named file"
# How the OpenAPI document names the bytes of a file.
_BINARY = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True)
class UploadedFile:
    name: str
    content: bytes = field(repr=False)


def declare_file_body(*bare: str) -> dict[str, Any]:
    """Declare, beside a route, a form with the part `file`, or the file itself as one of the bare content types."""
    form = {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}
    content = {FORM: {"schema": form}} | {kind: {"schema": _BINARY} for kind in bare}
    return {"requestBody": {"required": True, "content": content}}


def parse_file(content_type: str | None, body: bytes, name: str = "file") -> UploadedFile:
    """Return the one file of this name in a form. Raises Invalid for whatever is no such form."""
    boundary = find_boundary(content_type or "")
    found = [
        UploadedFile(read_filename(head), content)
        for head, content in _split(body, boundary)
        if head.get_param("name", header="content-disposition") == name
    ]
    if len(found) != 1:
        raise Invalid("file", f"{RULE}, and has {len(found)}")
    return found[0]


def find_boundary(content_type: str) -> bytes:
    head = Message()
    head["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    try:
        boundary = head.get_boundary()
    except ValueError:  # written in a character set that cannot be read
        boundary = None
    if head.get_content_type() != FORM or not boundary or not boundary.isascii():
        raise Invalid("body", RULE)
    return b"\r\n--" + boundary.encode()


def _split(body: bytes, boundary: bytes) -> list[tuple[Message, bytes]]:
    """Return the head and the content of each part."""
    pieces = (b"\r\n" + body).split(boundary, PARTS_MAX + 1)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Invalid("body", f"{RULE}; this one is cut short, or has more than {PARTS_MAX} parts")
    parts = []
    for piece in pieces[1:-1]:
        head, found, content = piece.partition(b"\r\n\r\n")
        if not found:
            raise Invalid("body", f"{RULE}; a part of this one has no head")
        parts.append((parse_head(head), content))
    return parts


def parse_head(head: bytes) -> Message:
    """Return the head of a part, which browsers write in UTF-8: the names of files as they are."""
    return Parser().parsestr(head.lstrip().decode(errors="replace"), headersonly=True)


def read_filename(head: Message) -> str:
    """Return the name of the file in a part; one in a character set that cannot be read is no name."""
    try:
        return clean_filename(head.get_filename() or "")
    except ValueError:
        return clean_filename("")


def clean_filename(name: str) -> str:
    """Return the last part of a file's name, printable and short."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_MAX] or "unnamed"
