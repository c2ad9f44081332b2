"""The rows of a file whose bytes come in pieces, with the columns that they may have."""

import codecs
import difflib
from collections.abc import Iterable, Iterator
from enum import StrEnum

from domain.errors import Invalid
from domain.sla.bulk.csv_rows import CsvRows
from domain.sla.bulk.json_rows import JsonRows, NdjsonRows
from domain.sla.bulk.source_rows import RowSplitter, SourceRow
from domain.sla.imports import COLUMNS_MAX, LIKENESS, NEEDED, check_header


class ImportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


_SPLITTERS: dict[ImportFormat, type[RowSplitter]] = {
    ImportFormat.CSV: CsvRows,
    ImportFormat.JSON: JsonRows,
    ImportFormat.NDJSON: NdjsonRows,
}


class RowStream:
    """Decodes and splits; memory does not grow with the file. Raises Invalid for a file that is none."""

    def __init__(self, form: ImportFormat, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self._splitter = _SPLITTERS[form]()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._bytes = 0
        self._seen = set[str]()
        self._headed = False

    def feed(self, data: bytes) -> Iterator[SourceRow]:
        yield from self._check(self._splitter.feed(self._decode(data, final=False)))
        self._bytes += len(data)

    def finish(self) -> Iterator[SourceRow]:
        yield from self._check(self._splitter.feed(self._decode(b"", final=True)))
        yield from self._check(self._splitter.finish())
        if isinstance(self._splitter, CsvRows) and self._splitter.names is None:
            raise Invalid("file", f"lacks the columns {', '.join(NEEDED)}")

    def _decode(self, data: bytes, *, final: bool) -> str:
        kept = len(self._decoder.getstate()[0])
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            place = self._bytes - kept + error.start
            raise Invalid("file", f"is not text in UTF-8: see byte {place}") from None

    def _check(self, rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
        """Refuse columns that are misspelt, which would be left out unseen, or missing from a header."""
        for row in rows:
            self._check_header()
            if not self._seen.issuperset(row.cells):
                self._check_names([name for name in row.cells if name not in self._seen])
            yield row
        self._check_header()

    def _check_header(self) -> None:
        names = self._splitter.names if isinstance(self._splitter, CsvRows) else None
        if self._headed or names is None:
            return
        self._headed = True
        check_header(names)
        self._check_names(names)

    def _check_names(self, names: Iterable[str]) -> None:
        self._seen.update(names)
        if len(self._seen) > COLUMNS_MAX:
            raise Invalid("file", f"has more than {COLUMNS_MAX} different columns")
        for name in names:
            if name not in self.columns and (
                like := difflib.get_close_matches(name.strip().lower(), self.columns, 1, LIKENESS)
            ):
                raise Invalid(
                    "file", f"has a column {name[:100]!r}: it must be written {like[0]!r}"
                )
