"""What a file says in one row, before anybody judges it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# A row of more characters is no outage; and what is not whole yet has to stay in memory.
ROW_MAX = 262_144


@dataclass(frozen=True, slots=True)
class SourceRow:
    """
    A row counts from 1, without the names of the columns and without empty rows; `line` is where it begins.
    One that cannot be read by itself has a problem and no cells.
    """

    number: int
    line: int
    cells: Mapping[str, Any]
    problem: str = ""


class RowSplitter(Protocol):
    """
    Splits the text of a file, which comes in pieces of any size, into rows. Raises Invalid where nothing
    can be read from there on.
    """

    def feed(self, text: str) -> Iterator[SourceRow]: ...

    def finish(self) -> Iterator[SourceRow]: ...
