"""The packages that the guards of the code look into: one list, which pyproject.toml has to agree with."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the wheel holds.
PRODUCTION = (
    *("api", "workflows", "activities", "services", "worker", "domain", "adapters"),
    *("cli", "migrations"),
)
# Distributions of their own.
DEVSTACK = "packages/devstack/devstack"
SANDBOX = "packages/stellar-sandbox/stellar_sandbox"
EVERYTHING = (*PRODUCTION, DEVSTACK, SANDBOX)


def list_modules(packages: Sequence[str] = EVERYTHING) -> list[Path]:
    """Return the files of packages; no migration, which says everything at once and is never read again."""
    return sorted(
        path
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if path.parent.name != "versions"
    )


def get_name(path: Path) -> str:
    return str(path.relative_to(ROOT))
