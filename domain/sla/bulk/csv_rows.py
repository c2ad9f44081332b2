"""
Rows of CSV as RFC 4180 has it, from text that comes in pieces: a quoted cell may hold line ends, and a piece
may end anywhere.

Python's own reader does the work. It asks for a line when it needs one; if there is none yet, the row that
it was in is given to it once more, from its first line, as soon as there is more.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator

from domain.errors import Invalid
from domain.sla.bulk.source_rows import ROW_MAX, CutRow, SourceRow
from domain.sla.imports import NEEDED

# No row holds a longer cell; the reader knows one limit for the whole process.
csv.field_size_limit(max(ROW_MAX, csv.field_size_limit()))


class _Starved(Exception):
    """The reader asks for a line that has not come yet."""


class _Lines:
    """Gives the reader its lines, and remembers those of the row that it is in."""

    def __init__(self) -> None:
        self.waiting = deque[str]()
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if not self.waiting:
            if self.ended:
                raise StopIteration
            raise _Starved
        line = self.waiting.popleft()
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        self.waiting.extendleft(reversed(self.taken))
        self.taken.clear()


class CsvRows:
    """The first row names the columns."""

    def __init__(self) -> None:
        self.names: list[str] | None = None
        self._lines = _Lines()
        self._reader = csv.reader(self._lines, strict=True)
        self._tail = ""
        self._line, self._number = 1, 0

    def feed(self, text: str) -> Iterator[SourceRow]:
        lines = io.StringIO(self._tail + text, newline="").readlines()
        # Of \r\n the second half may still come.
        self._tail = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        self._lines.waiting.extend(lines)
        yield from self._read()
        if len(self._tail) + sum(map(len, self._lines.waiting)) > ROW_MAX:
            raise Invalid("file", f"is not CSV: the row at line {self._line} has no end")

    def finish(self) -> Iterator[SourceRow]:
        if self._tail:
            self._lines.waiting.append(self._tail)
        self._tail, self._lines.ended = "", True
        yield from self._read()

    def _read(self) -> Iterator[SourceRow]:
        while (cells := self._read_cells()) is not None:
            line, self._line = self._line, self._line + len(self._lines.taken)
            self._lines.taken.clear()
            if self.names is None:
                self.names = [name.strip() for name in cells]
            elif any(cells):
                self._number += 1
                yield SourceRow(self._number, line, self._name_cells(self.names, cells))

    def _read_cells(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except _Starved:
            self._lines.give_back()
            return None
        except csv.Error as error:
            raise Invalid("file", f"is not CSV: line {self._line}: {error}") from None

    @staticmethod
    def _name_cells(names: list[str], cells: list[str]) -> dict[str, object]:
        """Name the cells; those beyond the last column have an empty name."""
        named: dict[str, object] = dict(zip(names, cells, strict=False))
        if len(cells) > len(names):
            named[""] = cells[len(names) :]
        return named if named.keys() >= set(NEEDED) else CutRow(named)
