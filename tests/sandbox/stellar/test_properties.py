"""Whatever is sent, in whatever order and through whatever faults, the money adds up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk.exceptions import SdkError
from stellar_sdk.soroban_server_async import SorobanServerAsync

from sandbox.stellar.client import Box
from sandbox.stellar.faults import read_plan
from sandbox.stellar.genesis import Genesis
from sandbox.stellar.incidents import start_plan
from tests.sandbox.stellar.conftest import (
    BARE,
    CHANNELS,
    FARM,
    PAYER,
    SHOP,
    XLM,
    Desk,
    genesis_document,
)

FAULTS = [
    {"kind": "accept_then_timeout", "rate": 0.2},
    {"kind": "reset_before", "rate": 0.1},
    {"kind": "internal_error", "rate": 0.1},
    {"kind": "dropped_transaction", "rate": 0.2},
    {"kind": "banned_hash", "rate": 0.1},
    {"kind": "lagging_node", "node": 1, "value": 2},
]
steps = st.lists(
    st.tuples(
        st.integers(0, 3),  # channel
        st.integers(1, 4),  # sequence
        st.sampled_from([SHOP, FARM, BARE]),
        st.integers(1, 3),  # amount
        st.integers(0, 1),  # node
        st.booleans(),  # whether a ledger closes afterwards
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps, seed=st.integers(0, 1_000))
def test_no_money_appears_or_vanishes_and_no_sequence_is_used_twice(
    steps: list[tuple[int, int, object, int, int, bool]], seed: int
) -> None:
    asyncio.run(_play(steps, seed))


async def _play(steps: list[tuple[int, int, object, int, int, bool]], seed: int) -> None:
    box = Box(Genesis.parse(genesis_document()))
    start_plan(box.network, *read_plan({"seed": seed, "faults": FAULTS}))
    desks = [Desk(SorobanServerAsync("http://in-process", box.client(node))) for node in (0, 1)]
    sent = {}
    for channel, sequence, target, amount, node, closes in steps:
        envelope = desks[node].payment(CHANNELS[channel], sequence, (target, str(amount)))  # type: ignore[arg-type]
        sent[envelope.hash()] = (channel, sequence, target, amount)
        # Whatever is lost on the way, the ledger must add up.
        with contextlib.suppress(TimeoutError, SdkError):
            await desks[node].send(envelope)
        if closes:
            box.close_ledger()
    box.close_ledger(5)
    _check(box, sent)
    box.network.close()


def _check(box: Box, sent: dict[bytes, tuple[int, int, object, int]]) -> None:
    records = box.network.ledger.store.page((1, 1), 10_000, 10_000)
    uses = Counter(sent[record.hash][:2] for record in records)
    assert all(count == 1 for count in uses.values())
    paid: Counter[object] = Counter()
    for record in records:
        _, _, target, amount = sent[record.hash]
        if b'"status":"SUCCESS"' in record.body:
            paid[target] += amount * XLM
    for target in (SHOP, FARM, BARE):
        assert box.balance(target.public_key) == paid[target]
    assert box.balance(PAYER.public_key) == 1_000_000 * XLM - paid.total()
