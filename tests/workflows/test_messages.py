"""A message with several forms is still the same form after Temporal has made JSON of it and back."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from temporalio.converter import DataConverter

import workflows
from domain.settlement.attempts import (
    AlreadyPaid,
    Attempt,
    AwaitingChannel,
    Blocked,
    InBatch,
    OnHold,
    Prepared,
    PreparePaymentResult,
    Redirected,
    Voided,
)
from domain.settlement.batches import (
    EmptyBatch,
    ObstructedBatch,
    PrepareBatchResult,
    RemovedPayment,
)
from domain.settlement.payments import Receipt
from domain.sla.attestations import (
    Attested,
    Call,
    CallAnswered,
    CallRefused,
    ConcludeAttestationResult,
    Halted,
    OpenCall,
    OtherCall,
    OwnCall,
    PrepareCallResult,
)
from tests.testkit.reasons import make_reason
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment

ATTEMPT = Attempt("pay-1", 1, "GCHANNEL", 7, 100, "hash", "xdr", False)
CALL = Call("OUT-1", 1, 1, "GOPERATOR", 7, 100, "hash", "xdr")
REASON = make_reason("the payee has no trustline")
PREPARE_PAYMENT = [
    Prepared(ATTEMPT),
    AlreadyPaid(Receipt("pay-1", "hash", 42, 7, DETECTED)),
    InBatch(),
    AwaitingChannel(DETECTED),
    OnHold(REASON, DETECTED),
    OnHold(REASON, DETECTED, 100),
    Blocked(REASON),
    Blocked(REASON, 100),
    Redirected(build_payment("pay-1")),
    Voided(),
]
PREPARE_BATCH = [
    PrepareBatchResult(Prepared(ATTEMPT), [RemovedPayment("pay-2", REASON)], ["pay-3"]),
    PrepareBatchResult(ObstructedBatch(REASON)),
    PrepareBatchResult(EmptyBatch()),
]
PREPARE_CALL = [OwnCall(CALL), OtherCall(CALL), CallAnswered(), CallRefused("error 13")]
CONCLUDE = [Attested("hash"), Halted("the rating differs")]
EXAMPLES = [
    *((PreparePaymentResult, each) for each in PREPARE_PAYMENT),
    *((PrepareBatchResult, each) for each in PREPARE_BATCH),
    *((PrepareCallResult, each) for each in PREPARE_CALL),
    *((OpenCall, each) for each in PREPARE_CALL[:2]),
    *((ConcludeAttestationResult, each) for each in CONCLUDE),
]


@pytest.mark.parametrize(("hint", "message"), EXAMPLES, ids=str)
async def test_every_form_of_a_result_survives_the_json_converter(hint: Any, message: Any) -> None:
    payloads = await DataConverter.default.encode([message])
    (read,) = await DataConverter.default.decode(payloads, [hint])
    assert read == message
    assert type(read) is type(message)


def find_unions(hint: Any, seen: set[Any]) -> Iterator[tuple[Any, ...]]:
    """Every union of dataclasses that a type hint leads to."""
    if hint in seen:
        return
    seen.add(hint)
    forms = tuple(each for each in get_args(hint) if is_dataclass(each))
    if len(forms) > 1:
        yield forms
    parts = get_type_hints(hint).values() if is_dataclass(hint) else get_args(hint)
    for part in parts:
        yield from find_unions(part, seen)


def find_activities() -> Iterator[Any]:
    for module in pkgutil.walk_packages(workflows.__path__, "workflows."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                for name in getattr(kind, "__abstractmethods__", ()):
                    yield getattr(kind, name)


def test_every_union_in_a_message_has_a_kind_that_tells_its_forms_apart() -> None:
    seen: set[Any] = set()
    unions = [
        forms
        for method in find_activities()
        for hint in get_type_hints(method).values()
        for forms in find_unions(hint, seen)
    ]
    assert len(unions) >= 5
    for forms in unions:
        kinds = [get_args(get_type_hints(each).get("kind")) for each in forms]
        defaults = [{f.name: f.default for f in fields(each)}.get("kind") for each in forms]
        assert kinds == [(default,) for default in defaults], forms
        assert len(set(defaults)) == len(forms), forms
