"""Other revisions of a verdict than the one on record: a restored database has forgotten what was decided since."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from domain.settlement.payments import derive_number

# So many revisions may have been paid that are newer than the one on record.
REVISIONS_AHEAD = 8


@lru_cache(maxsize=256)
def list_other_numbers(
    passphrase: str, installation: UUID, outage_id: str, revision: int
) -> Sequence[tuple[int, int]]:
    """Return the numbers under which other revisions are paid, each after its revision."""
    revisions = (*range(1, revision), *range(revision + 1, revision + 1 + REVISIONS_AHEAD))
    return tuple(
        (other, derive_number(passphrase, installation, outage_id, other)) for other in revisions
    )
