"""The outcome of a transfer decides who must act: nobody, the payee, or the operator."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import SendTransactionResponse

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import ChainUnavailable, Obstructed
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    SettlementRail,
)
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import BARE, PAYER, SHOP, STRANGER
from tests.adapters.stellar.conftest import CHANNELS, FEES, KEYS, build_rail, plan_faults

ADDRESS = next(iter(CHANNELS))
ALL_THERE_IS = 1_000_000 * 10_000_000


def make_transfer(payee: str = SHOP.public_key, stroops: int = 25, number: int = 7) -> Transfer:
    allocation = Allocation(f"pay-{number}", stroops)
    return Transfer(number, Treasury.BOND, PAYER.public_key, payee, stroops, (allocation,))


async def sign(rail: Rail, *transfers: Transfer, classic: bool = False) -> Attempt:
    kind = SettlementRail.CLASSIC if classic else SettlementRail.SOROBAN
    envelope = await rail.sign(list(transfers) or [make_transfer()], kind, ADDRESS, 1, 0)
    return Attempt(
        *("pay", 1, ADDRESS, 1, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, True, envelope.hash),
    )


async def submit(sandbox: StellarSandbox, rail: Rail, attempt: Attempt) -> Observation:
    async def hashes() -> list[str]:
        return [attempt.hash]

    await rail.send(attempt.envelope_xdr)
    sandbox.close_ledger()
    return await rail.observe(attempt, hashes)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("removed_trustline", "the payee has no trustline for the asset"),
        ("frozen_trustline", "the issuer has not authorised the payee, or has frozen it"),
    ],
)
async def test_a_payee_that_cannot_be_paid_blocks_its_payment(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture, fault: str, told: str
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": fault, "address": SHOP.public_key})
    seen = await submit(sandbox, rail, attempt)
    assert seen.outcome is AttemptOutcome.FAILED_BLOCKED
    assert seen.reason.startswith(f"{told} (txFAILED INVOKE_HOST_FUNCTION_TRAPPED #1")
    with pytest.raises(Obstructed, match=told):
        await sign(rail)
    assert "ALARM" not in caplog.text
    await rail.close()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("removed_trustline", "the treasury has no trustline for the asset"),
        ("frozen_trustline", "the issuer has frozen the treasury"),
    ],
)
async def test_a_treasury_that_cannot_pay_is_an_alarm(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture, fault: str, told: str
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": fault, "address": PAYER.public_key})
    with caplog.at_level(logging.ERROR):
        seen = await submit(sandbox, rail, attempt)
        assert (seen.outcome, seen.reason.split(" (")[0]) == (AttemptOutcome.FAILED_BLOCKED, told)
        with pytest.raises(Obstructed, match=told):
            await sign(rail)
    assert caplog.text.count(f"{told}") == 2
    assert caplog.text.count("ALARM") == 2
    await rail.close()


async def test_too_little_and_too_much_are_told_apart(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    rail = build_rail(sandbox, nodes)
    with pytest.raises(Obstructed, match=r"the treasury is short \(#10\)"):
        await sign(rail, make_transfer(stroops=ALL_THERE_IS + 1))
    with pytest.raises(Obstructed, match="the payee's account does not exist"):
        await sign(rail, make_transfer(STRANGER.public_key))
    with pytest.raises(Obstructed, match="the payee has no trustline"):
        await sign(rail, make_transfer(FEES.public_key))
    assert BARE.public_key not in CHANNELS
    await rail.close()


async def test_a_failed_batch_names_each_failed_operation(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    rail = build_rail(sandbox, nodes)
    transfers = [
        make_transfer(number=1),
        make_transfer(STRANGER.public_key, number=2),
        make_transfer(FEES.public_key, number=3),
    ]
    seen = await submit(sandbox, rail, await sign(rail, *transfers, classic=True))
    assert seen.outcome is AttemptOutcome.FAILED_RETRY
    assert [(fault.index, fault.reason.sentence) for fault in seen.failing] == [
        (1, "the payee's account does not exist (PAYMENT_NO_DESTINATION)"),
        (2, "the payee has no trustline for the asset (PAYMENT_NO_TRUST)"),
    ]
    await rail.close()


async def test_an_unexplained_failure_is_simulated_again(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some nodes log nothing of failed calls; the next attempt is simulated first, and finds the reason."""
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    monkeypatch.setattr(results, "find_trap", lambda *_: None)
    plan_faults(sandbox, {"kind": "removed_trustline", "address": SHOP.public_key})
    seen = await submit(sandbox, rail, attempt)
    assert seen.outcome is AttemptOutcome.FAILED_RETRY
    assert seen.reason == "the contract refused the call (txFAILED INVOKE_HOST_FUNCTION_TRAPPED)"
    await rail.close()


async def test_a_transaction_that_was_not_applied_proves_nothing_by_itself(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger may contain it although it did not use its sequence up: the account's sequence decides."""
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": "removed_trustline", "address": SHOP.public_key})
    read = results.parse

    def as_unapplied(result_xdr: str) -> results.TransactionResult:
        return replace(read(result_xdr), code=xdr.TransactionResultCode.txBAD_SEQ)

    seen = await submit(sandbox, rail, attempt)
    assert seen.outcome is AttemptOutcome.FAILED_BLOCKED
    monkeypatch.setattr(results, "parse", as_unapplied)
    monkeypatch.setattr("adapters.stellar.rail.WATCH_SECONDS", 0.01)
    seen = await submit(sandbox, rail, attempt)
    assert seen.outcome is AttemptOutcome.FOREIGN
    await rail.close()


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
