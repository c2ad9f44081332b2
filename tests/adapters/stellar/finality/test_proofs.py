"""Only proof ends an attempt; a quorum of nodes must agree that somebody else used its sequence."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from stellar_sdk.client.base_async_client import BaseAsyncClient
from stellar_sdk.client.response import Response
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar import rail as rails
from adapters.stellar.finality import quorum as proofs_module
from adapters.stellar.rail import Rail
from adapters.stellar.rpc import nodes as nodes_module
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    SettlementRail,
)
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PAYER, SHOP
from stellar_sandbox.testing.wallet import Wallet
from tests.adapters.stellar.conftest import CHANNELS, build_nodes, build_rail, plan_faults

ADDRESS, PAIR = next(iter(CHANNELS.items()))
OWED = Transfer(7, Treasury.BOND, PAYER.public_key, SHOP.public_key, 25, (Allocation("pay", 25),))


@pytest.fixture(autouse=True)
def _no_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go straight to the proof: what is watched is another test's."""
    monkeypatch.setattr(rails, "WATCH_SECONDS", 0.01)


async def sign(rail: Rail) -> Attempt:
    envelope = await rail.sign([OWED], SettlementRail.SOROBAN, ADDRESS, 1, 0)
    return Attempt(
        *("pay", 1, ADDRESS, 1, envelope.max_ledger),
        *(envelope.inner_hash, envelope.xdr, False, envelope.hash),
    )


async def observe(rail: Rail, attempt: Attempt) -> Observation:
    async def hashes() -> list[str]:
        return [attempt.hash]

    return await rail.observe(replace(attempt, resumed=False), hashes)


async def observe_outcomes(rail: Rail, attempt: Attempt, times: int) -> list[str]:
    return [(await observe(rail, attempt)).outcome.value for _ in range(times)]


async def steal_sequence(sandbox: StellarSandbox, wallet: Wallet) -> None:
    """Somebody who has the channel's key uses its next sequence."""
    await wallet.send(wallet.build_payment(PAIR, 1))
    sandbox.close_ledger()


async def test_unknown_bytes_are_foreign_once_two_nodes_agree(
    sandbox: StellarSandbox, nodes: Nodes, wallet: Wallet
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    await steal_sequence(sandbox, wallet)
    plan_faults(sandbox, *({"kind": "node_down", "node": index} for index in (1, 2)))
    assert await observe_outcomes(rail, attempt, 4) == ["open"] * 4
    plan_faults(sandbox, {"kind": "node_down", "node": 1})
    for node in nodes.all:
        node.rests_until = 0.0
    seen = await observe(rail, attempt)
    assert (seen.outcome, seen.reason) == (
        AttemptOutcome.FOREIGN,
        "consumed by bytes we do not know",
    )
    await rail.close()


async def test_one_node_alone_is_asked_three_times_with_later_ledgers(
    sandbox: StellarSandbox, wallet: Wallet
) -> None:
    rail = build_rail(sandbox, build_nodes(sandbox, 1))
    attempt = await sign(rail)
    await steal_sequence(sandbox, wallet)
    # Repeated answers about the same ledger count as one.
    assert await observe_outcomes(rail, attempt, 3) == ["open"] * 3
    sandbox.close_ledger()
    assert await observe_outcomes(rail, attempt, 2) == ["open"] * 2
    sandbox.close_ledger()
    assert await observe_outcomes(rail, attempt, 1) == ["foreign"]
    await rail.close()


@pytest.mark.parametrize("count", [1, 3])
async def test_a_history_behind_the_account_snapshot_proves_nothing(
    sandbox: StellarSandbox, count: int
) -> None:
    """It shows the sequence consumed and not by what: by our own envelope, as it turns out."""
    rail = build_rail(sandbox, build_nodes(sandbox, count))
    attempt = await sign(rail)
    plan_faults(sandbox, {"kind": "lagging_history", "value": 5})
    await rail.send(attempt.envelope_xdr)
    for _ in range(4):
        sandbox.close_ledger()
        assert await observe_outcomes(rail, attempt, 1) == ["open"]
    sandbox.close_ledger(2)
    assert await observe_outcomes(rail, attempt, 1) == ["succeeded"]
    await rail.close()


async def test_a_history_that_begins_too_late_is_reported(
    sandbox: StellarSandbox, nodes: Nodes, wallet: Wallet
) -> None:
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    await rail.send(attempt.envelope_xdr)
    sandbox.close_ledger(30)
    plan_faults(sandbox, {"kind": "short_retention", "value": 2})
    seen = await observe(rail, attempt)
    assert seen.outcome is AttemptOutcome.FOREIGN
    assert seen.reason == "consumed in ledgers that no node remembers"
    # One node that kept its memory is enough to know better.
    plan_faults(
        sandbox, *({"kind": "short_retention", "node": index, "value": 2} for index in (0, 1))
    )
    assert await observe_outcomes(rail, attempt, 1) == ["succeeded"]
    await rail.close()


async def test_an_old_snapshot_still_proves_an_attempt_expired(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    """What can never land after one ledger can never land after a later one."""
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    sandbox.close_ledger(attempt.max_ledger - 1 - sandbox.network.ledger.last_closed.sequence)
    plan_faults(sandbox, {"kind": "lagging_node", "value": 1})
    assert await observe_outcomes(rail, attempt, 3) == ["open"] * 3
    sandbox.close_ledger()
    assert await observe_outcomes(rail, attempt, 3) == ["expired"] * 3
    await rail.close()


class HangingClient(BaseAsyncClient):
    """A node that accepts every request and answers none."""

    async def post(self, *_asked: Any, **_more: Any) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    get = post

    async def stream(self, *_asked: Any, **_more: Any) -> AsyncGenerator[dict[str, Any], None]:
        yield await self.post()

    async def close(self) -> None: ...


async def test_a_hanging_node_does_not_block_the_others(
    sandbox: StellarSandbox, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed first, and asked first."""
    hung = RpcNode("hung", SorobanServerAsync("http://hung", HangingClient()))
    monkeypatch.setattr(nodes_module, "READ_SECONDS", 0.2)
    monkeypatch.setattr(proofs_module, "READ_SECONDS", 0.2)
    rail = build_rail(sandbox, Nodes([hung, *build_nodes(sandbox, 2).all]))
    attempt = await sign(rail)
    hung.rests_until = 0.0
    await rail.send(attempt.envelope_xdr)
    sandbox.close_ledger()
    async with asyncio.timeout(2):
        assert not await rail.is_expired(attempt)
    hung.rests_until = 0.0
    async with asyncio.timeout(2):
        assert await observe_outcomes(rail, attempt, 1) == ["succeeded"]
    await rail.close()


async def test_a_missing_channel_account_proves_nothing_and_needs_a_person(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    """A merged or removed account has lost its sequence number."""
    rail = build_rail(sandbox, nodes)
    attempt = await sign(rail)
    sandbox.network.change_entries([], [("account", ADDRESS)])
    sandbox.close_ledger(30)
    assert not await rail.is_expired(attempt)
    seen = await observe(rail, attempt)
    assert (seen.outcome, seen.reason) == (
        AttemptOutcome.FOREIGN,
        "the channel account does not exist any more",
    )
    await rail.close()
