"""The numbers under which other revisions of a verdict are paid."""

from uuid import UUID

import pytest

from domain.recovery.revisions import REVISIONS_AHEAD, list_other_numbers
from domain.settlement.payments import derive_number

INSTALLATION = UUID("c0ffee00-0000-4000-8000-000000000001")


@pytest.mark.parametrize("outage_id", ["OUT-1", 'a "quoted" one', "Mast-7~carrier", "Zürich]"])
@pytest.mark.parametrize("revision", [1, 3])
def test_each_other_revision_has_the_number_that_it_is_paid_under(
    outage_id: str, revision: int
) -> None:
    found = dict(list_other_numbers("a network", INSTALLATION, outage_id, revision))
    assert list(found) == [
        each for each in range(1, revision + REVISIONS_AHEAD + 1) if each != revision
    ]
    for other, number in found.items():
        assert number == derive_number("a network", INSTALLATION, outage_id, other)
