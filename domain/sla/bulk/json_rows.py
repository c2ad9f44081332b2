"""
Rows of JSON from text that comes in pieces: an array of objects, or an object a line (NDJSON).

An object is complete or it cannot be decoded, so of an array that much is kept as one row may have, and
decoded again when there is more.
"""

import json
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

from domain.errors import Invalid
from domain.sla.bulk.source_rows import ROW_MAX, SourceRow, collect_fields

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(object_pairs_hook=collect_fields)
OBJECT_RULE = "must be an object with the fields of one outage"


class _Place(Enum):
    BEGIN = auto()
    FIRST = auto()  # after the bracket: a row, or the end
    ROW = auto()
    AFTER_ROW = auto()
    END = auto()


class JsonRows:
    """The objects of an array."""

    def __init__(self) -> None:
        self._text, self._at = "", 0
        self._place, self._number, self._line = _Place.BEGIN, 0, 1

    def feed(self, text: str) -> Iterator[SourceRow]:
        yield from self._read(text, ended=False)

    def finish(self) -> Iterator[SourceRow]:
        yield from self._read("", ended=True)
        if self._place is not _Place.END:
            raise Invalid("file", f"is not JSON: it ends in the middle, at line {self._line}")

    def _read(self, text: str, *, ended: bool) -> Iterator[SourceRow]:
        self._text, self._at = self._text[self._at :] + text, 0
        while True:
            self._move(_SPACE.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at == len(self._text):
                return
            if self._place in (_Place.FIRST, _Place.ROW) and not self._is_closed():
                row = self._decode(ended=ended)
                if row is None:
                    return
                yield row
            else:
                self._pass_mark(self._text[self._at])

    def _is_closed(self) -> bool:
        return self._place is _Place.FIRST and self._text[self._at] == "]"

    def _pass_mark(self, mark: str) -> None:
        """Go past what stands between rows."""
        nexts = {
            (_Place.BEGIN, "["): _Place.FIRST,
            (_Place.FIRST, "]"): _Place.END,
            (_Place.AFTER_ROW, ","): _Place.ROW,
            (_Place.AFTER_ROW, "]"): _Place.END,
        }
        if (self._place, mark) not in nexts:
            raise Invalid("file", f"must be a JSON array of objects: see line {self._line}")
        self._place = nexts[self._place, mark]
        self._at += 1

    def _decode(self, *, ended: bool) -> SourceRow | None:
        """Return the next row; None while it is not whole."""
        if self._text[self._at] != "{":
            raise Invalid("file", f"must be a JSON array of objects: see line {self._line}")
        try:
            cells, end = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError) as error:
            if ended or len(self._text) - self._at > ROW_MAX or isinstance(error, RecursionError):
                raise Invalid("file", f"is not JSON: see the row at line {self._line}") from None
            return None
        line = self._line
        self._move(end)
        self._number += 1
        self._place = _Place.AFTER_ROW
        return SourceRow(self._number, line, cells)

    def _move(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to


class NdjsonRows:
    """An object a line: one that is none keeps no other out."""

    def __init__(self) -> None:
        self._tail = ""
        self._number = self._line = 0

    def feed(self, text: str) -> Iterator[SourceRow]:
        *lines, self._tail = (self._tail + text).split("\n")
        yield from self._parse(lines)
        if len(self._tail) > ROW_MAX:
            raise Invalid("file", f"is not NDJSON: line {self._line + 1} has no end")

    def finish(self) -> Iterator[SourceRow]:
        last, self._tail = self._tail, ""
        yield from self._parse([last])

    def _parse(self, lines: list[str]) -> Iterator[SourceRow]:
        for line in lines:
            self._line += 1
            if not line.strip():
                continue
            self._number += 1
            cells = _load(line)
            if isinstance(cells, dict):
                yield SourceRow(self._number, self._line, cells)
            else:
                yield SourceRow(self._number, self._line, {}, OBJECT_RULE)


def _load(line: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=collect_fields)
    except (ValueError, RecursionError):
        return None
