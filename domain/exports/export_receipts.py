"""
Receipts: what was exported, by whom, and what the whole file is known by.

A file whose receipt is not complete was broken off: its beginning may be somewhere, its end is nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import NotFound

STARTED, ENDED = "export.started", "export.ended"


@dataclass(frozen=True, slots=True)
class ExportReceipt:
    """`filter` has the parameters as the caller wrote them. `rows`, `bytes` and `sha256` are of the whole file."""

    export_id: str
    dataset: str
    format: str
    filter: Mapping[str, str]
    asked_by: str
    party: str | None
    started_at: str
    complete: bool
    rows: int | None
    bytes: int | None
    sha256: str | None
    ended_at: str | None


def name_subject(export_id: str) -> str:
    """Return the subject of the audit entries of an export."""
    return f"export/{export_id}"


def make_receipt(export_id: str, trail: Sequence[Mapping[str, Any]]) -> ExportReceipt:
    """Make the receipt from the audit entries of an export. Raises NotFound where there are none."""
    entries = {entry["action"]: entry for entry in trail}
    if STARTED not in entries:
        raise refuse_unknown(export_id)
    started, ended = entries[STARTED], entries.get(ENDED)
    said, made = started["evidence"], {} if ended is None else ended["evidence"]
    return ExportReceipt(
        export_id=export_id,
        dataset=said["dataset"],
        format=said["format"],
        filter=said["filter"],
        asked_by=started["actor"],
        party=said["party"],
        started_at=started["at"],
        complete=ended is not None,
        rows=made.get("rows"),
        bytes=made.get("bytes"),
        sha256=made.get("sha256"),
        ended_at=None if ended is None else ended["at"],
    )


def refuse_unknown(export_id: str) -> NotFound:
    return NotFound(f"export {export_id!r} does not exist")
