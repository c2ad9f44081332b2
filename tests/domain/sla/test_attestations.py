"""The contract's result is compared with the verdict: every field, to the unit."""

import re
from dataclasses import replace
from typing import Any

import pytest

from domain.sla.attestations import ContractResult, make_symbol
from domain.sla.contract_parity import describe_parity_error, find_differences
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms, judge

TERMS = {
    Severity.CRITICAL: Terms(15, 100, 750),
    Severity.HIGH: Terms(30, 50, 750),
    Severity.MEDIUM: Terms(60, 25, 750),
    Severity.LOW: Terms(120, 10, 600),
}
POLICY = Policy("standard", 1, BEGINNING_OF_TIME, 86_400, 86_400, TERMS)
VERDICT = judge(TERMS[Severity.CRITICAL], 25)
SAID = ContractResult(
    "oA", "viol", 25, 15, -1000, "pen", "poor", 1417728228875630226, 1_790_000_000
)


def list_differences(
    contract_result: ContractResult, terms: dict[Severity, Terms] = TERMS
) -> list[str]:
    return find_differences("oA", VERDICT, POLICY, contract_result, terms)


def test_the_same_verdict_has_no_differences() -> None:
    assert list_differences(SAID) == []
    assert describe_parity_error([]) == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"outage_id": "oB"}, "outage_id is oB there and oA here"),
        ({"status": "met"}, "status is met there and viol here"),
        ({"mttr_minutes": 26}, "mttr_minutes is 26 there and 25 here"),
        ({"threshold_minutes": 16}, "threshold_minutes is 16 there and 15 here"),
        ({"amount": -1001}, "amount_stroops is -10010000000 there and -10000000000 here"),
        ({"amount": 1000}, "amount_stroops is 10000000000 there and -10000000000 here"),
        ({"payment_type": "rew"}, "payment_type is rew there and pen here"),
        ({"rating": "good"}, "rating is good there and poor here"),
    ],
)
def test_every_differing_field_is_named(change: dict[str, Any], sentence: str) -> None:
    assert list_differences(replace(SAID, **change)) == [sentence]
    assert describe_parity_error([sentence]) == f"parity error: {sentence}"


def test_another_config_is_named_by_its_hash_and_by_its_terms() -> None:
    other = TERMS | {Severity.LOW: Terms(121, 10, 600)}
    said = replace(SAID, config_version_hash=7153445019748508645)
    named = list_differences(said, other)
    assert (
        named[0] == "config_version_hash is 7153445019748508645 there and 1417728228875630226 here"
    )
    assert named[1].startswith("terms of low are Terms(threshold_minutes=121")
    assert len(named) == 2


def test_a_config_that_changed_before_the_call_is_named() -> None:
    assert list_differences(SAID, TERMS | {Severity.LOW: Terms(121, 10, 600)})[0] == (
        "its config changed while it was asked"
    )


def test_a_verdict_has_one_name_that_is_a_contract_symbol() -> None:
    names = {make_symbol(outage, revision) for outage in ("OUT-1", "OUT-2") for revision in (1, 2)}
    assert len(names) == 4
    assert all(re.fullmatch(r"o[0-9a-f]{31}", name) for name in names)
    assert make_symbol("OUT-1", 1) in names


def test_numbers_that_json_would_round_are_strings() -> None:
    kept = SAID.json()
    assert (kept["amount"], kept["config_version_hash"]) == ("-1000", "1417728228875630226")
    assert kept["mttr_minutes"] == 25
