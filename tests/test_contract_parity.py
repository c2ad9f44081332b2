"""
The contract and the engine's own judge say the same, to the unit, or this fails.

Each published vector and call sequence goes through both: the judge as a function, the contract as
signed transactions of the SDK on a chain in a box. The two share no code.
"""

from collections.abc import AsyncIterator
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import scval, xdr

from domain.errors import Invalid
from domain.sla.attestations import ContractResult, make_symbol
from domain.sla.contract_parity import CONTRACT_SYMBOLS, find_differences
from domain.sla.policies import (
    BEGINNING_OF_TIME,
    Policy,
    TermsRefused,
    check_terms,
    hash_terms,
)
from domain.sla.verdicts import MTTR_MINUTES_MAX, Severity, Terms, judge
from stellar_sandbox.calculator import contract_state
from stellar_sandbox.calculator.sla_config import DEFAULTS
from stellar_sandbox.calculator.sla_config import SLAConfig as Chained
from stellar_sandbox.testing.contract_results import PEOPLE, ContractCallFailed
from stellar_sandbox.testing.local_client import LocalClient
from tests.testkit import sla_vectors
from tests.testkit.contract_client import parse_argument

ADMIN, OPERATOR = PEOPLE["admin"], PEOPLE["operator"]
# Values that vectors write as lists, in the order of the contract's own declarations.
LISTED = {
    "get_stats": ("total_calculations", "total_violations", "total_rewards", "total_penalties"),
    "get_severity_telemetry": ("severity", "calculations", "violations", "violation_rate"),
}


@pytest.fixture
async def counter() -> AsyncIterator[LocalClient]:
    made = LocalClient()
    yield made
    await made.close()


def kept(
    config: dict[str, Terms], custom: dict[str, Terms] | None = None
) -> contract_state.ContractState:
    """Return a contract state with these terms in force, however they came to be."""
    return contract_state.ContractState(
        contract_state.STORAGE_VERSION,
        ADMIN.public_key,
        OPERATOR.public_key,
        {name: Chained(*astuple(terms)) for name, terms in config.items()},
        {name: Chained(*astuple(terms)) for name, terms in (custom or {}).items()},
    )


def plain(value: Any) -> Any:
    """As the vectors write it: every number as text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def locally(terms: Terms, mttr: int) -> dict[str, Any]:
    try:
        verdict = judge(terms, mttr)
    except Invalid as error:
        return {"error": getattr(error, "contract_code", None)}
    return {
        "status": CONTRACT_SYMBOLS[verdict.status],
        "payment_type": CONTRACT_SYMBOLS[verdict.payment_type],
        "rating": CONTRACT_SYMBOLS[verdict.rating],
        "amount": str(verdict.amount),
        "threshold_minutes": str(verdict.threshold_minutes),
    }


async def on_chain(counter: LocalClient, severity: str, mttr: int) -> dict[str, Any]:
    arguments = [scval.to_symbol("A"), scval.to_symbol(severity), scval.to_uint32(mttr)]
    try:
        found = plain(await counter.view("calculate_sla_view", *arguments))
    except ContractCallFailed as error:
        return {"error": error.code}
    names = ("status", "payment_type", "rating", "amount", "threshold_minutes")
    return {name: found[name] for name in names}


async def test_every_published_calculation_is_the_same_here_and_there(counter: LocalClient) -> None:
    published = sla_vectors.list_vectors("compute")
    assert len(published) >= 278
    standard = {name: Terms(*terms) for name, terms in DEFAULTS.items()}
    for vector in published:
        severity, terms = vector["severity"], sla_vectors.parse_terms(vector["config"])
        custom = {} if severity in standard else {severity: terms}
        config = standard if custom else standard | {severity: terms}
        counter.deploy(kept(config, custom))
        wanted = vector["expected_error"]
        expected = {"error": wanted["code"]} if wanted else plain(vector["expected"])
        assert locally(terms, vector["mttr_minutes"]) == expected, vector["id"]
        assert await on_chain(counter, severity, vector["mttr_minutes"]) == expected, vector["id"]


async def test_every_published_hash_is_the_same_here_and_there(counter: LocalClient) -> None:
    published = sla_vectors.list_vectors("config_hash")
    assert len(published) >= 22
    for vector in published:
        config = {name: sla_vectors.parse_terms(each) for name, each in vector["configs"].items()}
        counter.deploy(kept(config))
        assert str(await counter.view("get_config_version_hash")) == vector["config_version_hash"]
        ours = hash_terms({Severity(name): terms for name, terms in config.items()})
        assert str(ours) == vector["config_version_hash"], vector["id"]


async def test_every_published_validation_is_the_same_here_and_there(counter: LocalClient) -> None:
    published = sla_vectors.list_vectors("validate")
    assert len(published) >= 69
    for vector in published:
        custom, severity = vector["scope"] == "custom", vector["severity"]
        wanted = vector["expected_error"] and vector["expected_error"]["code"]
        terms = sla_vectors.parse_terms(vector)
        # Neighbours that leave the order of penalties alone: bounds are what is published here.
        penalty = min(max(terms.penalty_per_minute, 1), 10_000)
        around = {name: Terms(10, penalty, 100_000) for name in DEFAULTS}
        counter.deploy(kept(around))
        assert _refusal(severity, terms, custom) == wanted, vector["id"]
        function = "set_custom_severity" if custom else "set_config"
        assert await _set(counter, function, severity, terms) == wanted, vector["id"]


def _refusal(severity: str, terms: Terms, custom: bool) -> int | None:
    try:
        check_terms(severity, terms, custom=custom)
    except TermsRefused as error:
        return error.contract_code
    return None


async def _set(counter: LocalClient, function: str, severity: str, terms: Terms) -> int | None:
    try:
        await counter.call(
            function,
            scval.to_address(ADMIN.public_key),
            scval.to_symbol(severity),
            scval.to_uint32(terms.threshold_minutes),
            scval.to_int128(terms.penalty_per_minute),
            scval.to_int128(terms.reward_base),
            by=ADMIN,
        )
    except ContractCallFailed as error:
        return error.code
    return None


@pytest.mark.parametrize("place", range(12))
async def test_every_published_sequence_of_calls_goes_the_same_way(
    counter: LocalClient, place: int
) -> None:
    published = sla_vectors.list_vectors("sequences")
    assert len(published) == 12
    sequence = published[place]
    counter.deploy()
    judged = DEFAULTS | {}
    for step in sequence["steps"]:
        if "ledger_timestamp" in step:
            counter.clock.now = step["ledger_timestamp"]
            continue
        answer, events = await _step(counter, step)
        name = (sequence["id"], step["call"])
        assert answer == _expected(step), name
        assert events == plain(step["events"]), name
        _judge_too(judged, step, answer)


async def _step(counter: LocalClient, step: dict[str, Any]) -> tuple[Any, list[Any]]:
    arguments = step["args"]
    caller = arguments[0].get("addr") if arguments else None
    by = PEOPLE[caller] if caller else None
    try:
        answer = await counter.call(step["call"], *map(parse_argument, arguments), by=by)
    except ContractCallFailed as error:
        return {"error": error.code}, []
    events = [{"topics": plain(topics), "data": plain(data)} for topics, data in answer.events]
    return {"ok": plain(_listed(step["call"], answer.value))}, events


def _listed(function: str, value: Any) -> Any:
    names = LISTED.get(function)
    if names is None:
        return value
    rows = [
        [row[name] for name in names] for row in (value if isinstance(value, list) else [value])
    ]
    return rows if isinstance(value, list) else rows[0]


def _expected(step: dict[str, Any]) -> Any:
    expected = step["expect"]
    return {"error": expected["error"]["code"]} if "error" in expected else plain(expected)


def _judge_too(config: dict[str, Chained], step: dict[str, Any], answer: dict[str, Any]) -> None:
    """Follow the contract's config, and judge each new calculation by it here as well."""
    arguments = [next(iter(each.values())) for each in step["args"]]
    if step["call"] in ("set_config", "set_custom_severity") and "ok" in answer:
        config[arguments[1]] = Chained(*(int(number) for number in arguments[2:]))
    if step["call"] == "calculate_sla" and step["events"]:
        terms = Terms(*config[arguments[2]])
        found = {name: answer["ok"][name] for name in locally(terms, arguments[3])}
        assert locally(terms, arguments[3]) == found


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any terms that the contract's own setters would have let in."""
    limits = {"critical": (60, 50), "high": (120, 25), "medium": (240, 10), "low": (1440, 1)}
    terms, ceiling = {}, 10_000
    for severity in Severity:
        threshold_max, penalty_min = limits[severity]
        if severity is Severity.LOW:
            ceiling = min(ceiling, 100)
        penalty = draw(st.integers(penalty_min, max(penalty_min, ceiling)))
        ceiling = penalty
        reward = draw(st.integers(penalty * 3 // 2 + 1, 100_000))
        terms[severity] = Terms(draw(st.integers(1, threshold_max)), penalty, reward)
    return Policy("any", 1, BEGINNING_OF_TIME, 0, 0, terms)


@settings(max_examples=60)
@given(
    policy=policies(),
    severity=st.sampled_from(list(Severity)),
    mttr=st.one_of(st.integers(0, 300), st.integers(0, MTTR_MINUTES_MAX)),
)
async def test_any_config_and_any_minutes_are_judged_the_same_here_and_there(
    policy: Policy, severity: Severity, mttr: int
) -> None:
    """Set by the admin's own transactions, calculated by the operator's, held field by field."""
    counter = LocalClient()
    try:
        counter.deploy(kept({name: Terms(*terms) for name, terms in DEFAULTS.items()}))
        # From the gravest up: at no moment does a lighter severity cost more than a graver one.
        wide = Terms(1, 10_000, 100_000)
        for each in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM):
            assert await _set(counter, "set_config", each, wide) is None
        for each in reversed(Severity):
            assert await _set(counter, "set_config", each, policy.terms[each]) is None
        name = make_symbol("OUT-1", 1)
        answer = await counter.call(
            "calculate_sla",
            scval.to_address(OPERATOR.public_key),
            scval.to_symbol(name),
            scval.to_symbol(severity),
            scval.to_uint32(mttr),
            by=OPERATOR,
        )
        verdict = judge(policy.terms[severity], mttr)
        contract_result = ContractResult(**answer.value)
        assert find_differences(name, verdict, policy, contract_result, policy.terms) == []
        assert [topics[0] for topics, _ in answer.events] == ["sla_calc", "set_int"]
    finally:
        await counter.close()


async def test_every_published_sample_is_the_same_on_the_wire(counter: LocalClient) -> None:
    counter.clock.now = 1_790_000_000
    counter.deploy(kept({name: Terms(*terms) for name, terms in DEFAULTS.items()}))
    for sample in sla_vectors.list_vectors("xdr"):
        result, severity = sample["result"], sample["severity"]
        arguments = [
            scval.to_address(OPERATOR.public_key),
            scval.to_symbol(result["outage_id"]),
            scval.to_symbol(severity),
            scval.to_uint32(result["mttr_minutes"]),
        ]
        assert [each.to_xdr() for each in arguments[1:]] == sample["args_xdr_without_caller"]
        drafted = await counter.prepare("calculate_sla", *arguments, by=OPERATOR)
        answer = await counter.submit(drafted, OPERATOR)
        assert answer.return_xdr == sample["result_scval_xdr"]
        found = await counter.server.get_transaction(drafted.hash_hex())
        assert found.events is not None
        assert found.events.contract_events_xdr is not None
        for text, name in zip(
            found.events.contract_events_xdr[0], ("sla_calc", "set_int"), strict=True
        ):
            event = xdr.ContractEvent.from_xdr(text).body.v0
            assert event is not None
            assert [topic.to_xdr() for topic in event.topics] == sample[name]["topics_xdr"]
            assert event.data.to_xdr() == sample[name]["data_xdr"]
