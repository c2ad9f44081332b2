"""The outcome of a transfer decides who must act: nobody, the payee, or the operator."""

import logging
from dataclasses import replace

import pytest
from stellar_sdk import xdr

from adapters.stellar.codes import results
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import Obstructed
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
from tests.adapters.stellar.conftest import CHANNELS, FEES, build_rail, plan_faults

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
    ("fault", "meaning"),
    [
        ("removed_trustline", "the payee has no trustline for the asset"),
        ("frozen_trustline", "the issuer has not authorised the payee, or has frozen it"),
    ],
)
async def test_a_payee_that_cannot_be_paid_blocks_its_payment(
    sandbox: StellarSandbox,
    nodes: Nodes,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    meaning: str,
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": fault, "address": SHOP.public_key})
    seen = await submit(sandbox, rail, attempt)
    assert seen.outcome is AttemptOutcome.FAILED_BLOCKED
    assert seen.reason.startswith(f"{meaning} (txFAILED INVOKE_HOST_FUNCTION_TRAPPED #1")
    with pytest.raises(Obstructed, match=meaning):
        await sign(rail)
    assert "ALARM" not in caplog.text
    await rail.close()


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        ("removed_trustline", "the treasury has no trustline for the asset"),
        ("frozen_trustline", "the issuer has frozen the treasury"),
    ],
)
async def test_a_treasury_that_cannot_pay_is_an_alarm(
    sandbox: StellarSandbox,
    nodes: Nodes,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    meaning: str,
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": fault, "address": PAYER.public_key})
    with caplog.at_level(logging.ERROR):
        seen = await submit(sandbox, rail, attempt)
        assert (seen.outcome, seen.reason.split(" (")[0]) == (
            AttemptOutcome.FAILED_BLOCKED,
            meaning,
        )
        with pytest.raises(Obstructed, match=meaning):
            await sign(rail)
    assert caplog.text.count(f"{meaning}") == 2
    assert caplog.text.count("ALARM") == 2
    await rail.close()


async def test_too_little_and_too_much_are_distinguished(
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
