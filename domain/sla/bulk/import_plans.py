"""What is to become of an uploaded file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from domain.errors import Invalid
from domain.sla.bulk.row_streams import ImportFormat

# A file on its way, and all of it.
FILE_BYTES_MAX = 1_073_741_824


class ImportMode(StrEnum):
    """What the rows are."""

    DECLARE = "declare"  # outages to be judged and settled, with a workflow each
    BACKFILL = "backfill"  # outages of the past, settled elsewhere


# Rows of a file of which all or none are recorded: one transaction records them, and others wait for its balances.
WHOLE_ROWS_MAX = {ImportMode.DECLARE: 10_000, ImportMode.BACKFILL: 100_000}


class ImportRule(StrEnum):
    """What happens when rows are wrong."""

    ATOMIC = "atomic"  # nothing is recorded
    PARTIAL = "partial"  # the right ones are recorded


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """
    `agreement` is of rows that fall under no other; `policy` of those whose agreement names none; `resolves` is
    whether whoever sent the file may say that an outage has ended.
    """

    filename: str
    form: ImportFormat
    mode: ImportMode
    rule: ImportRule
    dry_run: bool
    policy: str
    agreement: str
    resolves: bool = True

    @property
    def checks_first(self) -> bool:
        """Whether every row is judged before one is recorded."""
        return self.dry_run or self.rule is ImportRule.ATOMIC

    def check_row(self, number: int) -> None:
        """Refuse a file that has more rows than one transaction takes."""
        most = WHOLE_ROWS_MAX[self.mode]
        if self.rule is ImportRule.ATOMIC and number > most:
            raise Invalid(
                "file",
                f"has more than {most} rows, which is the most of an atomic import as {self.mode}: "
                "send it in parts, or as partial after a dry run",
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "ImportPlan":
        return cls(
            given["filename"],
            ImportFormat(given["form"]),
            ImportMode(given["mode"]),
            ImportRule(given["rule"]),
            bool(given["dry_run"]),
            given["policy"],
            given["agreement"],
            bool(given.get("resolves", True)),
        )


def find_format(filename: str, content_type: str) -> ImportFormat:
    """Return the format that a content type names, or else the name of the file. Raises Invalid."""
    kind = content_type.partition(";")[0].strip().lower()
    ending = filename.lower().rpartition(".")[2]
    found = _BY_TYPE.get(kind) or _BY_ENDING.get(ending)
    if found is None:
        raise Invalid(
            "file", "must be CSV, JSON or NDJSON, and have a name or a content type that says so"
        )
    return found


_BY_TYPE = {
    "text/csv": ImportFormat.CSV,
    "application/json": ImportFormat.JSON,
    "application/x-ndjson": ImportFormat.NDJSON,
}
_BY_ENDING = {
    "csv": ImportFormat.CSV,
    "json": ImportFormat.JSON,
    "ndjson": ImportFormat.NDJSON,
    "jsonl": ImportFormat.NDJSON,
}
