"""Files of an export: rows that are written already, framed as CSV, a JSON array or lines of JSON; counted and hashed."""

import hashlib
from collections.abc import Sequence

from domain.exports.datasets import ExportColumn, ExportFormat

MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ExportFormat.JSON: "application/json",
    ExportFormat.NDJSON: "application/x-ndjson",
}


class ExportFile:
    """Ask it for `begin`, then `add` as often as there are rows, then `end`; each returns the next bytes."""

    def __init__(self, form: ExportFormat, columns: Sequence[ExportColumn]) -> None:
        self.form = form
        self.columns = columns
        self.rows = self.size = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def begin(self) -> bytes:
        if self.form is ExportFormat.CSV:
            return self._keep(",".join(each.name for each in self.columns).encode() + b"\r\n")
        return self._keep(b"[" if self.form is ExportFormat.JSON else b"")

    def add(self, rows: Sequence[bytes]) -> bytes:
        """Take rows that have no end of a line yet."""
        if self.form is ExportFormat.JSON:
            written = (b",\n" if self.rows else b"\n") + b",\n".join(rows)
        else:
            end = b"\r\n" if self.form is ExportFormat.CSV else b"\n"
            written = end.join(rows) + end
        self.rows += len(rows)
        return self._keep(written)

    def end(self) -> bytes:
        return self._keep(b"\n]\n" if self.form is ExportFormat.JSON else b"")

    def _keep(self, written: bytes) -> bytes:
        self._digest.update(written)
        self.size += len(written)
        return written
