"""Files of jobs: what one is given and what it makes, in chunks, so that nobody holds a whole file in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CHUNK_BYTES = 256 * 1024
FILENAME_MAX = 200
CONTENT_TYPE_MAX = 100
# A file that came with no job: its sender gave up.
ABANDONED_AFTER = timedelta(days=1)


class FileRole(StrEnum):
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class JobFile:
    """`size` and `sha256` are None until it is whole."""

    job_id: str
    role: FileRole
    filename: str
    content_type: str
    size: int | None
    sha256: str | None
    created_at: datetime


def split_chunks(content: bytes) -> Iterator[bytes]:
    """Yield content in parts of at most CHUNK_BYTES."""
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
