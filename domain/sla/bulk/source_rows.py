"""What a file says in one row, before anybody judges it."""

from collections.abc import Iterator, Mapping, Sequence
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


class RepeatedFields(dict[str, Any]):
    """An object of JSON that says a field more than once: nobody knows which of them is meant."""

    def __init__(self, pairs: Sequence[tuple[str, Any]], repeated: str) -> None:
        super().__init__(pairs)
        self.repeated = repeated


class CutRow(dict[str, Any]):
    """A row of a CSV that ends before a cell that it must have, as the last row of half a file does."""


def collect_fields(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object of JSON, for a decoder to call."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    names = [name for name, _ in pairs]
    return RepeatedFields(pairs, next(name for name in fields if names.count(name) > 1))


class RowSplitter(Protocol):
    """
    Splits the text of a file, which comes in pieces of any size, into rows. Raises Invalid where nothing
    can be read from there on.
    """

    def feed(self, text: str) -> Iterator[SourceRow]: ...

    def finish(self) -> Iterator[SourceRow]: ...
