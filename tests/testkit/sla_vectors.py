"""Input -> output vectors of the SLA contract: what its source answers, written down once."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from domain.sla.verdicts import Terms

PATH = Path(__file__).parents[1] / "data" / "sla-vectors.json"


@cache
def read_vectors() -> Any:
    """Return all of them, by kind."""
    return json.loads(PATH.read_text())


def list_vectors(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_vectors()[kind]
    return found


def parse_terms(config: dict[str, Any]) -> Terms:
    """Numbers beyond 53 bits are written as strings there."""
    return Terms(
        config["threshold_minutes"], int(config["penalty_per_minute"]), int(config["reward_base"])
    )
