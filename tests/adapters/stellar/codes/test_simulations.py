"""What a simulation and the answer to a submission say of a transfer."""

import logging
from typing import Any

import pytest
from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import SendTransactionResponse

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import ChainUnavailable, Obstructed
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import STRANGER
from tests.adapters.stellar.codes.test_results import make_transfer, sign
from tests.adapters.stellar.conftest import KEYS, build_rail


def make_answer(code: xdr.TransactionResultCode | None, **changes: Any) -> SendTransactionResponse:
    fields: dict[str, Any] = {
        "status": "PENDING" if code is None else "ERROR",
        "hash": "ab" * 32,
        "latestLedger": 1,
        "latestLedgerCloseTime": 1,
    }
    if code is not None:
        result = xdr.TransactionResult(
            xdr.Int64(100),
            xdr.TransactionResultResult(code, results=[]),
            xdr.TransactionResultExt(0),
        )
        fields["errorResultXdr"] = result.to_xdr()
    return SendTransactionResponse.model_validate(fields | changes)


def test_a_refusal_that_only_the_operator_can_fix_is_an_alarm() -> None:
    Code = xdr.TransactionResultCode
    short = make_answer(Code.txINSUFFICIENT_BALANCE)
    assert str(results.to_send_answer(short)) == "ERROR txINSUFFICIENT_BALANCE"
    assert results.find_alarm(short) == "the fee account is short of XLM"
    assert (
        results.find_alarm(make_answer(Code.txBAD_SEQ))
        == results.find_alarm(make_answer(None))
        == ""
    )


@pytest.mark.parametrize(
    ("error", "name", "remedy"),
    [
        ("HostError: Error(Contract, #13)\n\nEvent log", "#13", Remedy.BLOCK),
        ("Error(Contract, #99)", "#99", Remedy.PAGE),
        # A simulation sees the network as it is: a repetition would end in the same way.
        ("HostError: Error(Budget, ExceededLimit)", "Error(Budget, ExceededLimit)", Remedy.PAGE),
        ("Error(Context, InvalidAction)", "Error(Context, InvalidAction)", Remedy.PAGE),
        ("HostError: Error(Auth, InvalidAction)", "Error(Auth, InvalidAction)", Remedy.PAGE),
        ("Error(Storage, MissingValue)", "Error(Storage, MissingValue)", Remedy.PAGE),
        ("Error(Storage, InternalError)", "Error(Storage, InternalError)", Remedy.RETRY),
        ("the moon is full\nand more", "the moon is full", Remedy.PAGE),
        ("", "no reason given", Remedy.PAGE),
    ],
)
def test_the_result_of_a_simulation_is_read(error: str, name: str, remedy: Remedy) -> None:
    trap = results.parse_simulation_error(error)
    assert (trap.name, trap.meaning.remedy) == (name, remedy)


async def test_a_simulation_that_may_succeed_later_is_repeated(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    rail = build_rail(sandbox, nodes)
    internal = results.parse_simulation_error("Error(Storage, InternalError)")
    monkeypatch.setattr(results, "parse_simulation_error", lambda _: internal)
    with pytest.raises(ChainUnavailable, match="the network had an error of its own"):
        await sign(rail, make_transfer(STRANGER.public_key))
    await rail.close()


async def test_an_asset_without_a_contract_blocks_the_payment_and_is_an_alarm(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    rail = Rail(nodes, sandbox.network.passphrase, STRANGER.public_key, KEYS)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(Obstructed, match=r"no contract for the asset.*STELLAR_USDC_ISSUER"),
    ):
        await sign(rail)
    assert "ALARM: a transfer cannot be made: there is no contract for the asset" in caplog.text
    await rail.close()
