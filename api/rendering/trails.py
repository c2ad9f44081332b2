"""What callers see of audit entries about one dispute or payment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel


class TrailStepView(BaseModel):
    """A recorded change, who made it, and its evidence; `leaf_hash` is the hash of its audit entry."""

    at: datetime
    step: str
    actor: str
    correlation_id: str
    evidence: dict[str, Any]
    entry_id: str
    leaf_hash: str

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "TrailStepView":
        return cls(
            at=entry["at"],
            step=entry["action"],
            actor=entry["actor"],
            correlation_id=entry["correlation_id"],
            evidence=entry["evidence"],
            entry_id=entry["id"],
            leaf_hash=entry["hash"],
        )
