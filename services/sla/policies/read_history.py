"""Read the history of a policy: every version, and who published it when."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from domain.sla.policies import Policy


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """Nobody has published the version that an installation begins with."""

    policy: Policy
    published_by: str | None
    published_at: datetime | None


async def read_history(database: Database, name: str) -> list[PublishedPolicy]:
    """Return the versions of a policy, the newest first."""
    async with database.autocommit() as connection:
        versions = await policies.list_versions(connection, name)
        trail = await audit.read_trail(connection, f"policy/{name}")
    entries = {entry["evidence"]["policy_version"]: entry for entry in trail}
    found = []
    for policy in reversed(versions):
        entry = entries.get(policy.version)
        by = None if entry is None else str(entry["actor"])
        at = None if entry is None else datetime.fromisoformat(entry["at"])
        found.append(PublishedPolicy(policy, by, at))
    return found
