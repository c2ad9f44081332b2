"""The contract's result is parsed, or refused with a message of bounded length."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from stellar_sdk import scval, xdr
from stellar_sdk.soroban_rpc import GetTransactionResponse

from adapters.stellar.finality import contract_results
from domain.errors import ContractRefused
from domain.sla.attestations import ContractResult
from stellar_sandbox.testing.accounts import derive_keypair

RESULT = {
    "outage_id": scval.to_symbol("oA"),
    "status": scval.to_symbol("viol"),
    "mttr_minutes": scval.to_uint32(20),
    "threshold_minutes": scval.to_uint32(15),
    "amount": scval.to_int128(-500),
    "payment_type": scval.to_symbol("pen"),
    "rating": scval.to_symbol("poor"),
    "config_version_hash": scval.to_uint64(2**64 - 1),
    "recorded_at": scval.to_uint64(7),
}


def build_struct(**changes: xdr.SCVal | None) -> xdr.SCVal:
    """What a call returns, with some fields another value or missing."""
    kept = {name: value for name, value in (RESULT | changes).items() if value is not None}
    return scval.to_struct(kept)


def test_the_result_of_the_contract_is_read() -> None:
    assert contract_results.parse_result(build_struct()) == ContractResult(
        "oA", "viol", 20, 15, -500, "pen", "poor", 2**64 - 1, 7
    )


@pytest.mark.parametrize(
    "malformed",
    [
        build_struct(amount=None),
        build_struct(more=scval.to_uint32(1)),
        build_struct(amount=scval.to_bool(True)),
        build_struct(amount=scval.to_string("-500")),
        build_struct(mttr_minutes=scval.to_void()),
        build_struct(outage_id=scval.to_address(derive_keypair("admin").public_key)),
        build_struct(status=scval.to_bytes(b"viol")),
        build_struct(rating=scval.to_vec([scval.to_symbol("poor")])),
        scval.to_void(),
        scval.to_uint32(7),
        scval.to_vec([scval.to_symbol("oA")]),
        scval.to_map({scval.to_uint32(1): scval.to_uint32(2)}),
        xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE),
    ],
)
def test_a_malformed_result_is_refused(malformed: xdr.SCVal) -> None:
    with pytest.raises(ContractRefused, match="no result that this engine can read"):
        contract_results.parse_result(malformed)


def test_the_error_message_is_bounded_whatever_is_returned() -> None:
    with pytest.raises(ContractRefused) as refused:
        contract_results.parse_result(build_struct(amount=scval.to_string("9" * 60_000)))
    assert len(str(refused.value)) < contract_results.SHOWN_MAX + 200


@pytest.mark.parametrize("meta", [None, "", "AAAA", "not base64!"])
def test_an_unreadable_ledger_is_refused_with_a_message(meta: str | None) -> None:
    found = cast(GetTransactionResponse, cast(Any, SimpleNamespace(result_meta_xdr=meta)))
    with pytest.raises(
        ContractRefused, match="the result of the contract call in the ledger cannot be read"
    ):
        contract_results.parse_answer(found, "C")
