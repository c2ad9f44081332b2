"""Other revisions of a verdict than the one on record: a restored database has forgotten what was decided since."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from domain.digests import canonicalize
from domain.settlement.payments import make_number

# So many revisions may have been paid that are newer than the one on record.
REVISIONS_AHEAD = 8


@lru_cache(maxsize=4096)
def list_other_numbers(
    passphrase: str, installation: UUID, outage_id: str, revision: int
) -> Sequence[tuple[int, int]]:
    """Return the numbers under which other revisions are paid, each after its revision."""
    revisions = (*range(1, revision), *range(revision + 1, revision + 1 + REVISIONS_AHEAD))
    # What they have in common is written once: this is asked for each payment.
    common = canonicalize([passphrase, str(installation), outage_id]).removesuffix(b"]")
    return tuple((other, make_number(b"%b,%d]" % (common, other))) for other in revisions)
