"""A token names the terms that somebody has seen, and no others."""

from dataclasses import replace

import pytest

from domain.errors import Conflict
from domain.sla.configs import ConfigChange, apply_change, compute_token
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms

POLICY = Policy(
    "default", 1, BEGINNING_OF_TIME, 0, 0, {each: Terms(60, 100, 750) for each in Severity}
)
LOW = Terms(61, 100, 750)


def test_other_terms_have_another_token_and_a_new_version_alone_has_not() -> None:
    changed = replace(POLICY, terms={**POLICY.terms, Severity.LOW: LOW})
    assert compute_token(changed) != compute_token(POLICY)
    assert compute_token(changed, Severity.LOW) != compute_token(POLICY, Severity.LOW)
    assert compute_token(changed, Severity.HIGH) == compute_token(POLICY, Severity.HIGH)
    assert compute_token(replace(POLICY, version=2)) == compute_token(POLICY)


def test_a_change_is_made_to_the_terms_that_were_seen() -> None:
    token = compute_token(POLICY, Severity.LOW)
    change = ConfigChange({Severity.LOW: LOW}, Severity.LOW, token)
    changed = apply_change(POLICY, change)
    assert changed.terms == {**POLICY.terms, Severity.LOW: LOW}
    with pytest.raises(Conflict, match="severity low were changed meanwhile"):
        apply_change(changed, change)
    assert apply_change(changed, replace(change, expected_token=None)) == changed
