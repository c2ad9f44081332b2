"""What became of a transaction takes two witnesses: two nodes, or one node and all else that it shows."""

import logging
from contextlib import suppress
from dataclasses import replace

import pytest
from stellar_sdk.exceptions import ConnectionError

from adapters.stellar import rail as rails
from adapters.stellar.finality import witnesses
from adapters.stellar.rail import Rail
from domain.reasons import ReasonCode
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation, SettlementRail
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PAYER, SHOP
from tests.adapters.stellar.conftest import CHANNELS, build_nodes, build_rail, plan_faults

ADDRESS = next(iter(CHANNELS))
OWED = Transfer(7, Treasury.BOND, PAYER.public_key, SHOP.public_key, 25, (Allocation("pay", 25),))
RAILS = [SettlementRail.SOROBAN, SettlementRail.CLASSIC]
Fault = dict[str, object]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rails, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(witnesses, "PATIENCE_SECONDS", 0.0)


async def sign(rail: Rail, kind: SettlementRail = SettlementRail.SOROBAN) -> Attempt:
    envelope = await rail.sign([OWED], kind, ADDRESS, 1, 0)
    return Attempt(
        *("pay", 1, ADDRESS, 1, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
    )


async def observe(rail: Rail, attempt: Attempt, *, resumed: bool = True) -> Observation:
    async def hashes() -> list[str]:
        return [attempt.hash]

    return await rail.observe(replace(attempt, resumed=resumed), hashes)


async def pay(sandbox: StellarSandbox, rail: Rail, kind: SettlementRail) -> Attempt:
    attempt = await sign(rail, kind)
    await rail.nodes.all[-1].server.send_transaction(attempt.envelope_xdr)
    sandbox.close_ledger()
    return attempt


def lie(node: int, kind: str = "lying_failed", **more: object) -> Fault:
    return {"kind": kind, "node": node, **more}


@pytest.mark.parametrize("kind", RAILS)
@pytest.mark.parametrize("count", [1, 2, 3])
async def test_an_honest_network_is_believed_with_any_number_of_nodes(
    sandbox: StellarSandbox, kind: SettlementRail, count: int
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, count))
    attempt = await pay(sandbox, rail, kind)
    assert (await observe(rail, attempt)).outcome is AttemptOutcome.SUCCEEDED
    await rail.close()


@pytest.mark.parametrize("kind", RAILS)
@pytest.mark.parametrize("resumed", [False, True])
async def test_of_two_nodes_that_differ_neither_is_believed(
    sandbox: StellarSandbox,
    kind: SettlementRail,
    resumed: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 2))
    attempt = await pay(sandbox, rail, kind)
    plan_faults(sandbox, lie(0))
    with caplog.at_level(logging.ERROR):
        for _ in range(4):  # the nodes are asked in turn
            seen = await observe(rail, attempt, resumed=resumed)
            assert (seen.outcome, seen.reason_code) == (
                AttemptOutcome.OPEN,
                ReasonCode.NODES_DISAGREE,
            )
    assert f"the nodes disagree about transaction {attempt.newest_hash}: node " in seen.reason
    ledger = sandbox.network.ledger.last_closed.sequence
    assert f"node 1 shows it failed in ledger {ledger}" in seen.reason
    assert f"node 2 shows it applied in ledger {ledger}" in seen.reason
    assert caplog.text.count("ALARM") == 1
    # When they agree again it is final.
    plan_faults(sandbox)
    assert (await observe(rail, attempt)).outcome is AttemptOutcome.SUCCEEDED
    await rail.close()


async def test_one_liar_of_three_is_outvoted_and_named(
    sandbox: StellarSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox))
    attempt = await pay(sandbox, rail, SettlementRail.SOROBAN)
    plan_faults(sandbox, lie(0))
    for _ in range(3):
        assert (await observe(rail, attempt)).outcome is AttemptOutcome.SUCCEEDED
    assert "node 1 shows it failed in ledger" in caplog.text
    assert "take it out of STELLAR_RPC_URL" in caplog.text
    await rail.close()


@pytest.mark.parametrize("kind", RAILS)
@pytest.mark.parametrize("count", [1, 2])
async def test_a_node_that_calls_it_failed_is_contradicted_by_its_own_events(
    sandbox: StellarSandbox, kind: SettlementRail, count: int
) -> None:
    """Alone, or because the other one does not answer."""
    rail = build_rail(sandbox, build_nodes(sandbox, count))
    attempt = await pay(sandbox, rail, kind)
    plan_faults(
        sandbox,
        *(lie(0, method=method) for method in ("getTransaction", "getTransactions")),
        {"kind": "node_down", "node": 1},
    )
    for _ in range(3):
        seen = await observe(rail, attempt)
    assert (seen.outcome, seen.reason_code) == (AttemptOutcome.OPEN, ReasonCode.NODES_DISAGREE)
    assert "node 1 shows the events of its transfers" in seen.reason
    await rail.close()


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        (("getLedgerEntries",), "node 1 shows no events of its transfers"),
        (("getEvents",), "shows the sequence of"),
    ],
)
async def test_kept_bytes_that_are_shown_as_applied_are_contradicted_by_what_else_it_shows(
    sandbox: StellarSandbox, methods: tuple[str, ...], words: str
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 1))
    attempt = await sign(rail)
    shows = ("sendTransaction", "getTransaction", "getTransactions", *methods)
    plan_faults(sandbox, *(lie(0, "lying_success", method=method) for method in shows))
    if methods == ("getLedgerEntries",):
        # Somebody else moved both balances, so these say nothing.
        await rail.send((await sign_other(rail)).envelope_xdr)
    assert (await rail.send(attempt.envelope_xdr)).status == "PENDING"
    sandbox.close_ledger()
    seen = await observe(rail, attempt)
    assert (seen.outcome, seen.reason_code) == (AttemptOutcome.OPEN, ReasonCode.NODES_DISAGREE)
    assert words in seen.reason or "has not changed since" in seen.reason
    assert sandbox.read_balance(SHOP.public_key) == 0
    await rail.close()


async def sign_other(rail: Rail) -> Attempt:
    other = list(CHANNELS)[1]
    envelope = await rail.sign([replace(OWED, number=8)], SettlementRail.SOROBAN, other, 1, 0)
    return Attempt(
        *("other", 1, other, 1, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
    )


async def test_kept_bytes_are_not_made_by_one_word_of_three_and_are_made_in_the_end(
    sandbox: StellarSandbox,
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox))
    attempt = await sign(rail)
    plan_faults(sandbox, lie(0, "lying_success"))
    await rail.nodes.all[0].server.send_transaction(attempt.envelope_xdr)
    sandbox.close_ledger()
    for _ in range(3):
        assert (await observe(rail, attempt)).outcome is AttemptOutcome.OPEN
    # Sent again, it goes to another node.
    await rail.nodes.all[1].server.send_transaction(attempt.envelope_xdr)
    sandbox.close_ledger()
    seen = await observe(rail, attempt)
    assert seen.outcome is AttemptOutcome.SUCCEEDED
    assert seen.ledger == sandbox.network.ledger.last_closed.sequence
    await rail.close()


async def test_a_node_that_lags_is_no_witness_and_stops_nothing(sandbox: StellarSandbox) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 2))
    sandbox.close_ledger(4)
    plan_faults(sandbox, {"kind": "lagging_node", "node": 0, "value": 2})
    attempt = await pay(sandbox, rail, SettlementRail.SOROBAN)
    outcomes = {(await observe(rail, attempt)).outcome for _ in range(4)}
    assert AttemptOutcome.SUCCEEDED in outcomes
    assert outcomes <= {AttemptOutcome.SUCCEEDED, AttemptOutcome.OPEN}
    await rail.close()


async def test_a_real_failure_is_believed(sandbox: StellarSandbox) -> None:
    """Signed while it could be made, and applied when it could not."""
    for count in (1, 2):
        rail = build_rail(sandbox, build_nodes(sandbox, count))
        envelope = await rail.sign([OWED], SettlementRail.SOROBAN, list(CHANNELS)[count], 1, 0)
        attempt = Attempt(
            *("pay", 1, list(CHANNELS)[count], 1, envelope.max_ledger),
            *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
        )
        plan_faults(sandbox, {"kind": "frozen_trustline", "address": SHOP.public_key})
        await rail.send(attempt.envelope_xdr)
        sandbox.close_ledger()
        seen = await observe(rail, attempt)
        assert seen.outcome in (AttemptOutcome.FAILED_BLOCKED, AttemptOutcome.FAILED_RETRY)
        plan_faults(sandbox)
        await rail.close()


async def test_bytes_signed_ahead_of_the_chain_end_by_two_nodes_word(
    sandbox: StellarSandbox,
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 2))
    envelope = await rail.sign([OWED], SettlementRail.SOROBAN, ADDRESS, 5, 0)
    attempt = Attempt(
        *("pay", 1, ADDRESS, 5, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
    )
    assert (await observe(rail, attempt)).outcome is AttemptOutcome.OPEN
    sandbox.close_ledger(30)
    seen = await observe(rail, attempt)
    assert (seen.outcome, seen.unused_after) == (AttemptOutcome.FAILED_RETRY, 0)
    await rail.close()


async def test_one_node_shows_a_gap_at_three_ledgers(sandbox: StellarSandbox) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 1))
    envelope = await rail.sign([OWED], SettlementRail.SOROBAN, ADDRESS, 5, 0)
    attempt = Attempt(
        *("pay", 1, ADDRESS, 5, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
    )
    sandbox.close_ledger(30)
    for _ in range(2):
        assert (await observe(rail, attempt)).outcome is AttemptOutcome.OPEN
        assert (await observe(rail, attempt)).outcome is AttemptOutcome.OPEN
        sandbox.close_ledger()
    assert (await observe(rail, attempt)).outcome is AttemptOutcome.FAILED_RETRY
    await rail.close()


async def test_a_node_that_rests_is_a_witness_all_the_same(sandbox: StellarSandbox) -> None:
    """Those that refuse what is sent rest, and still know that the ledgers do not have it."""
    rail = build_rail(sandbox, build_nodes(sandbox))
    refusals = [
        {"kind": "reset_before", "node": node, "method": "sendTransaction"} for node in (1, 2)
    ]
    plan_faults(sandbox, lie(0, "lying_success"), *refusals)
    attempt = await sign(rail)
    await rail.nodes.all[0].server.send_transaction(attempt.envelope_xdr)
    for node in rail.nodes.all[1:]:
        while not node.is_resting:
            with suppress(ConnectionError):
                await rail.nodes.ask_node(
                    node, lambda server: server.send_transaction(attempt.envelope_xdr)
                )
    sandbox.close_ledger()
    seen = await observe(rail, attempt)
    assert (seen.outcome, seen.reason_code) == (AttemptOutcome.OPEN, ReasonCode.NODES_DISAGREE)
    assert "node 2" in seen.reason
    await rail.close()
