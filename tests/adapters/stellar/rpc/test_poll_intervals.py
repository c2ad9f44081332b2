"""A watcher adapts its poll interval to the network: few calls a ledger, and none seen late."""

import asyncio
import random
from collections.abc import Callable
from statistics import mean
from types import SimpleNamespace

import pytest
from stellar_sdk.soroban_rpc import GetTransactionsResponse

from adapters.stellar.rpc import transaction_watcher
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from adapters.stellar.rpc.poll_intervals import PollInterval
from adapters.stellar.rpc.transaction_watcher import TransactionWatcher
from stellar_sandbox.client import StellarSandbox

LEDGERS = 60
LEARNED = 5  # ledgers after which the pace is known


class TimedNetwork:
    """A network whose ledgers close by a clock that moves only while the watcher sleeps."""

    def __init__(self, sandbox: StellarSandbox, between: Callable[[], float]) -> None:
        self.box, self.between = sandbox, between
        self.now, self.due = 1_000.0, 1_000.7
        self.closed_at: dict[int, float] = {}

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        while self.due <= self.now:
            self.box.close_ledger()
            self.closed_at[self.box.network.ledger.last_closed.sequence] = self.due
            self.due += self.between()
        await asyncio.sleep(0)


async def play(
    sandbox: StellarSandbox,
    nodes: Nodes,
    monkeypatch: pytest.MonkeyPatch,
    between: Callable[[], float],
) -> tuple[list[int], list[float]]:
    """Watch a network; return the pages asked for each ledger, and how late each was seen."""
    film, pages, late = TimedNetwork(sandbox, between), dict[int, int](), dict[int, float]()
    page = TransactionWatcher._read_page

    async def counting(self: TransactionWatcher, node: RpcNode) -> GetTransactionsResponse:
        found = await page(self, node)
        ledger = found.latest_ledger
        pages[ledger] = pages.get(ledger, 0) + 1
        late.setdefault(ledger, film.now - film.closed_at.get(ledger, film.now))
        return found

    monkeypatch.setattr(TransactionWatcher, "_read_page", counting)
    clock = SimpleNamespace(monotonic=lambda: film.now)
    monkeypatch.setattr(transaction_watcher, "time", clock, raising=False)
    monkeypatch.setattr(
        transaction_watcher, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": film.sleep})
    )
    watch = TransactionWatcher(nodes)
    with watch.expect("00" * 32, 1):
        while len(film.closed_at) < LEDGERS:
            await asyncio.sleep(0)
    await watch.close()
    learned = sorted(film.closed_at)[LEARNED:-1]
    return [pages.get(ledger, 0) for ledger in learned], [
        late[ledger] for ledger in learned if ledger in late
    ]


async def test_a_ledger_every_five_seconds_takes_two_pages(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, late = await play(sandbox, nodes, monkeypatch, lambda: 5.0)
    assert max(pages) <= 3
    assert mean(pages) <= 2.1
    assert len(late) == len(pages)
    assert max(late) <= 0.3


async def test_irregular_ledgers_of_the_public_network_are_followed(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    pages, late = await play(sandbox, nodes, monkeypatch, lambda: chance.uniform(5.0, 6.6))
    assert mean(pages) <= 4
    assert mean(late) <= 0.5
    assert len(late) == len(pages)


@pytest.mark.parametrize("seconds", [0.25, 1.0])
async def test_fast_ledgers_of_the_sandbox_are_seen_at_once(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    pages, late = await play(sandbox, nodes, monkeypatch, lambda: seconds)
    assert max(late) <= 0.25
    assert max(pages) <= 4


async def test_the_interval_recovers_after_a_standstill(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = iter([1.0] * 20 + [600.0] + [1.0] * 100)
    pages, late = await play(sandbox, nodes, monkeypatch, lambda: next(gaps))
    assert max(late) <= 2.0
    assert sorted(late)[-4] <= 0.25  # it is back in step after three
    assert max(pages) <= 320  # while it stood still: a look every two seconds


def test_a_node_that_lags_may_show_a_ledger_again() -> None:
    pace = PollInterval()
    for ledger, now in ((8, 0.0), (9, 1.0), (10, 2.0)):
        assert pace.get_wait_seconds(ledger, now) > 0
    pace.reset()  # another node is followed, and it is behind
    for ledger, now in ((9, 2.5), (10, 3.2), (11, 3.4), (12, 4.0)):
        assert pace.get_wait_seconds(ledger, now) > 0


async def test_regular_ledgers_are_seen_just_after_they_close_by_fewer_calls(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = iter([0.6] + [1.0] * 100)  # so that the first looks fall badly
    pages, late = await play(sandbox, nodes, monkeypatch, lambda: next(gaps))
    assert mean(late[2 * LEARNED :]) <= 0.05
    assert mean(pages[2 * LEARNED :]) <= 1.7
