"""
Cursors of lists: the place of a page's last row, after which the next page begins.

A cursor holds what its list is ordered by, so that nothing is skipped or shown twice while rows come and go between two
pages. It is good for its own list alone.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import Invalid

CURSOR_MAX = 1000


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its instant, where the list is ordered by one, and what tells it from all others."""

    at: datetime | None
    id: str

    @property
    def values(self) -> tuple[Any, ...]:
        return (self.id,) if self.at is None else (self.at, self.id)


def encode_position(name: str, position: Position) -> str:
    at = None if position.at is None else position.at.isoformat()
    content = json.dumps([name, at, position.id])
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode_position(text: str, name: str, *, dated: bool) -> Position:
    """Return the place after which a page of a list begins. Raises Invalid for what is no cursor of that list."""
    try:
        content: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        of, at, id_ = content
        position = Position(None if at is None else datetime.fromisoformat(at), str(id_))
        _check_position(position, dated=dated)
        if of != name:
            raise ValueError(of)
    except (binascii.Error, ValueError, TypeError):
        raise Invalid(
            "cursor", "is not a cursor of this list: send the next_cursor of an earlier page"
        ) from None
    return position


def _check_position(position: Position, *, dated: bool) -> None:
    """Raise ValueError for what no row of a list can have."""
    if (position.at is not None) is not dated or "\x00" in position.id:
        raise ValueError(position.id)
    if position.at is not None and position.at.tzinfo is None:
        raise ValueError(position.at)
    position.id.encode()  # half a surrogate pair is no text
