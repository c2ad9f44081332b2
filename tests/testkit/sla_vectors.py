"""Input -> output vectors of the SLA contract, recorded once from its source."""

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
    """Parse the terms of a config, where numbers beyond 53 bits are strings."""
    return Terms(
        config["threshold_minutes"], int(config["penalty_per_minute"]), int(config["reward_base"])
    )
