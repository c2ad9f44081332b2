"""What an agreement may not say."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, Invalid
from domain.sla.agreements.agreements import Agreement, check_payees, check_unpaid
from domain.sla.agreements.versions import (
    AgreementVersion,
    Coverage,
    check_agreement_version,
    has_same_content,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AGREEMENT = Agreement("north", "GBOND", "GPOOL", "GPROVIDER", "GCUSTOMER")


def test_a_version_ends_after_it_begins_and_names_something() -> None:
    check_agreement_version(AgreementVersion("north", 1, BEGIN, BEGIN + timedelta(seconds=1)))
    with pytest.raises(Invalid, match="effective_until: must be after effective_from"):
        check_agreement_version(AgreementVersion("north", 1, BEGIN, BEGIN))
    with pytest.raises(Invalid, match=r"coverage.sites"):
        check_agreement_version(AgreementVersion("north", 1, BEGIN, coverage=Coverage([" "])))


@pytest.mark.parametrize("role", ["provider", "beneficiary"])
@pytest.mark.parametrize("treasury", ["GBOND", "GPOOL", "GOTHER"])
def test_no_treasury_is_a_payee(role: str, treasury: str) -> None:
    check_payees(AGREEMENT, {"GOTHER"})
    terms = {"provider": "GPROVIDER", "beneficiary": "GCUSTOMER"} | {role: treasury}
    with pytest.raises(Conflict, match=f"{treasury} cannot be paid as {role}"):
        check_payees(Agreement("north", "GBOND", "GPOOL", **terms), {"GOTHER"})


def test_no_payee_becomes_a_treasury() -> None:
    check_unpaid(AGREEMENT.treasuries, {"GPROVIDER", "GCUSTOMER"})
    for role, address in (("bond", "GBOND"), ("pool", "GPOOL")):
        with pytest.raises(Conflict, match=f"{address} cannot be the {role}"):
            check_unpaid(AGREEMENT.treasuries, {address})


def test_versions_of_one_content_are_the_same_whatever_their_number() -> None:
    one = AgreementVersion("north", 1, BEGIN, coverage=Coverage(["mast"]))
    assert has_same_content(one, AgreementVersion("north", 2, BEGIN, coverage=Coverage(["mast"])))
    assert not has_same_content(one, AgreementVersion("north", 1, BEGIN))
