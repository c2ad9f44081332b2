"""
Input -> output vectors of the SLA contract, read from outside the project.

They live beside the checkout, or where APEXCHAINX_SHARED points. Without them the tests that
need them are skipped; the tables written out in the tests prove the same arithmetic alone.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from domain.sla import Terms

ROOT = Path(__file__).parents[1]
PATH = Path(os.environ.get("APEXCHAINX_SHARED", ROOT.parent / "shared")) / "data"


@cache
def read(name: str) -> Any:
    """Return a file of shared data, or skip the test that asked."""
    path = PATH / name
    if not path.exists():
        pytest.skip(f"{path} is not here; set APEXCHAINX_SHARED to the folder that holds data/")
    return json.loads(path.read_text())


def vectors(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read("sla-vectors.json")[kind]
    return found


def terms(config: dict[str, Any]) -> Terms:
    """Numbers beyond 53 bits are written as strings there."""
    return Terms(
        config["threshold_minutes"], int(config["penalty_per_minute"]), int(config["reward_base"])
    )
