"""The published vectors of the SLA contract are reproduced, to the unit."""

from typing import Any

import pytest

from domain.sla.contract_parity import CONTRACT_SYMBOLS
from domain.sla.verdicts import (
    PenaltyOverflow,
    RewardOverflow,
    Severity,
    Terms,
    Verdict,
    judge,
)
from tests.domain.sla.test_verdicts import DEFAULTS
from tests.testkit import sla_vectors


@pytest.fixture
def published(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return sla_vectors.list_vectors(request.param)


@pytest.mark.parametrize("published", ["compute"], indirect=True)
def test_every_published_vector_is_reproduced(published: list[dict[str, Any]]) -> None:
    assert len(published) >= 278
    for vector in published:
        assert _parse_outcome(vector) == (vector["expected"], _parse_error_code(vector)), vector[
            "id"
        ]


def _parse_outcome(vector: dict[str, Any]) -> tuple[dict[str, Any] | None, int | None]:
    try:
        return _format_verdict(
            judge(sla_vectors.parse_terms(vector["config"]), vector["mttr_minutes"])
        ), None
    except (PenaltyOverflow, RewardOverflow) as refusal:
        return None, refusal.contract_code


def _format_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": CONTRACT_SYMBOLS[verdict.status],
        "payment_type": CONTRACT_SYMBOLS[verdict.payment_type],
        "rating": CONTRACT_SYMBOLS[verdict.rating],
        "amount": str(verdict.amount),
        "threshold_minutes": verdict.threshold_minutes,
    }


def _parse_error_code(vector: dict[str, Any]) -> int | None:
    return vector["expected_error"] and int(vector["expected_error"]["code"])


@pytest.mark.parametrize("published", ["xdr"], indirect=True)
def test_every_published_result_follows_from_the_default_terms(
    published: list[dict[str, Any]],
) -> None:
    assert published
    for vector in published:
        result = vector["result"]
        verdict = judge(DEFAULTS[Severity(vector["severity"])], result["mttr_minutes"])
        assert _format_verdict(verdict).items() <= result.items(), result["outage_id"]


@pytest.mark.parametrize("published", ["sequences"], indirect=True)
def test_every_fresh_result_of_a_published_sequence_is_reproduced(
    published: list[dict[str, Any]],
) -> None:
    """A result with events is computed there and then; one without is an old one, repeated."""
    reproduced = 0
    for sequence in published:
        config = dict(DEFAULTS)
        for step in sequence["steps"]:
            reproduced += _replay(step, config)
    assert reproduced >= 20


def _replay(step: dict[str, Any], config: dict[Any, Terms]) -> bool:
    ok = step.get("expect", {}).get("ok", "nothing")
    arguments = [next(iter(argument.values())) for argument in step.get("args", [])]
    if ok != "nothing" and step["call"] in ("set_config", "set_custom_severity"):
        _, severity, threshold, penalty, reward = arguments
        config[severity] = Terms(threshold, int(penalty), int(reward))
    if step.get("call") != "calculate_sla" or ok == "nothing" or not step["events"]:
        return False
    _, _, severity, mttr = arguments
    assert _format_verdict(judge(config[severity], mttr)).items() <= ok.items(), step
    return True
