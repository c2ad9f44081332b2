"""Imports of files by jobs: how far one is, and under which id it is on record."""

from dataclasses import asdict, dataclass, replace
from typing import Any

# What is told of the rows that are wrong: the first ones.
PROBLEMS_MAX = 10_000
PROBLEMS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """
    How far an import is: the rows that are done with, and what came of them. It is saved in the transaction
    of those rows, so that whoever goes on loses none and counts none twice.
    """

    checking: bool
    row: int = 0
    imported: int = 0
    skipped: int = 0
    wrong: int = 0

    def add(self, imported: int, skipped: int, wrong: int) -> "ImportProgress":
        return replace(
            self,
            imported=self.imported + imported,
            skipped=self.skipped + skipped,
            wrong=self.wrong + wrong,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def derive_import_id(job_id: str) -> str:
    """Return the id of the import that a job does."""
    return f"imp_{job_id.removeprefix('job_')}"
