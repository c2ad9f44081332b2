"""A policy obeys the contract's bounds, and its hash is the contract's own."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import Invalid
from domain.sla.policies import (
    BEGINNING_OF_TIME,
    WINDOW_SECONDS_MAX,
    Policy,
    TermsRefused,
    check_policy,
    check_terms,
    hash_terms,
)
from domain.sla.verdicts import Severity, Terms
from tests.testkit import sla_vectors

DEFAULTS = {
    Severity.CRITICAL: Terms(15, 100, 750),
    Severity.HIGH: Terms(30, 50, 750),
    Severity.MEDIUM: Terms(60, 25, 750),
    Severity.LOW: Terms(120, 10, 600),
}
STANDARD = Policy("standard", 1, BEGINNING_OF_TIME, 86_400, 1_209_600, DEFAULTS)


def _find_contract_code(severity: str, terms: Terms, *, custom: bool = False) -> int | None:
    try:
        check_terms(severity, terms, custom=custom)
    except TermsRefused as refusal:
        return refusal.contract_code
    return None


@pytest.mark.parametrize(
    ("severity", "terms", "code"),
    [
        ("critical", Terms(60, 50, 76), None),
        ("critical", Terms(61, 50, 750), 8),
        ("critical", Terms(0, 50, 750), 8),
        ("critical", Terms(15, 49, 750), 9),
        ("critical", Terms(15, 10_000, 15_001), None),
        ("critical", Terms(15, 10_001, 100_000), 9),
        ("high", Terms(121, 50, 750), 8),
        ("high", Terms(120, 25, 750), None),
        ("high", Terms(120, 24, 750), 9),
        ("medium", Terms(241, 25, 750), 8),
        ("medium", Terms(240, 9, 750), 9),
        ("low", Terms(1441, 1, 750), 8),
        ("low", Terms(1440, 101, 750), 9),
        ("low", Terms(1440, 100, 151), None),
        ("low", Terms(120, 10, 0), 10),
        ("low", Terms(120, 10, 100_001), 10),
        # three penalties must stay below two rewards
        ("low", Terms(120, 100, 150), 10),
        ("CRITICAL", Terms(15, 100, 750), 11),
        ("", Terms(15, 100, 750), 11),
    ],
)
def test_terms_obey_the_bounds_of_the_contract(
    severity: str, terms: Terms, code: int | None
) -> None:
    assert _find_contract_code(severity, terms) == code


def test_a_custom_severity_has_only_the_general_bounds() -> None:
    assert _find_contract_code("vip", Terms(1440, 1, 2), custom=True) is None
    assert _find_contract_code("vip", Terms(1441, 1, 2), custom=True) == 8
    assert _find_contract_code("critical", Terms(15, 100, 750), custom=True) == 11


def test_the_hash_of_the_default_terms_equals_the_contracts() -> None:
    assert hash_terms(DEFAULTS) == 1417728228875630226
    assert STANDARD.terms_hash() == 1417728228875630226


def test_the_terms_hash_does_not_depend_on_order() -> None:
    assert hash_terms(dict(reversed(DEFAULTS.items()))) == hash_terms(DEFAULTS)


def test_every_published_hash_is_reproduced() -> None:
    published = sla_vectors.list_vectors("config_hash")
    assert len(published) >= 22
    for vector in published:
        terms = {
            Severity(name): sla_vectors.parse_terms(each)
            for name, each in vector["configs"].items()
        }
        assert str(hash_terms(terms)) == vector["config_version_hash"], vector["id"]


def test_every_published_validation_is_reproduced() -> None:
    published = sla_vectors.list_vectors("validate")
    assert len(published) >= 69
    for vector in published:
        assert _find_error(vector) == vector["expected_error"], vector["id"]


def _find_error(vector: dict[str, Any]) -> dict[str, Any] | None:
    custom = vector["scope"] == "custom"
    code = _find_contract_code(vector["severity"], sla_vectors.parse_terms(vector), custom=custom)
    names = sla_vectors.read_vectors()["meta"]["errors"]
    return None if code is None else {"code": code, "name": names[str(code)]}


def test_a_valid_policy_is_accepted() -> None:
    check_policy(STANDARD)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"terms": {Severity.LOW: DEFAULTS[Severity.LOW]}}, "terms"),
        ({"terms": DEFAULTS | {Severity.LOW: Terms(0, 10, 600)}}, "threshold_minutes"),
        (
            {
                "terms": DEFAULTS
                | {Severity.CRITICAL: Terms(15, 50, 750), Severity.HIGH: Terms(30, 51, 750)}
            },
            "terms.critical.penalty_per_minute",
        ),
        (
            {"terms": DEFAULTS | {Severity.LOW: Terms(120, 26, 600)}},
            "terms.medium.penalty_per_minute",
        ),
        ({"dispute_window_seconds": -1}, "dispute_window_seconds"),
        ({"dispute_window_seconds": WINDOW_SECONDS_MAX + 1}, "dispute_window_seconds"),
        ({"decision_window_seconds": -1}, "decision_window_seconds"),
    ],
)
def test_an_invalid_policy_is_refused_naming_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_policy(replace(STANDARD, **change))
    assert refusal.value.field == field


def test_the_digest_changes_with_every_field_of_the_policy() -> None:
    changes: list[dict[str, Any]] = [
        {"name": "other"},
        {"version": 2},
        {"effective_from": datetime(2026, 1, 1, tzinfo=UTC)},
        {"dispute_window_seconds": 1},
        {"decision_window_seconds": 1},
        {"terms": DEFAULTS | {Severity.LOW: Terms(120, 10, 601)}},
    ]
    digests = {replace(STANDARD, **change).digest() for change in changes}
    assert len(digests | {STANDARD.digest()}) == len(changes) + 1
    assert replace(STANDARD).digest() == STANDARD.digest()
