"""Which node is asked, and which is sent to, when some of them fail or fall behind."""

import inspect
import re

import pytest
from stellar_sdk import soroban_server_async
from stellar_sdk.soroban_rpc import GetNetworkResponse

from adapters.stellar.finality import submissions
from adapters.stellar.rpc.nodes import KEPT_MODELS, LAG_MAX_LEDGERS, Nodes, get_ledger_range
from domain.errors import ChainUnavailable
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.wallet import Wallet
from tests.adapters.stellar.conftest import CHANNELS, plan_faults
from tests.testkit.reasons import parse_answer

CHANNEL = next(iter(CHANNELS.values()))


async def test_a_request_that_one_node_fails_is_answered_by_the_next(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    plan_faults(sandbox, {"kind": "node_down", "node": 0})
    for _ in range(6):
        answer = await nodes.ask(lambda server: server.get_network())
        assert isinstance(answer, GetNetworkResponse)
    assert [node.failures for node in nodes.all] == [1, 0, 0]  # it rests, and is not asked again
    assert nodes.all[0].is_resting


async def test_a_node_is_asked_again_after_its_backoff(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    plan_faults(sandbox, {"kind": "node_down", "node": 0, "times": 1})
    await nodes.ask(lambda server: server.get_network())
    nodes.all[0].rests_until = 0.0
    for _ in range(3):
        await nodes.ask(lambda server: server.get_network())
    assert nodes.all[0].is_healthy
    assert nodes.all[0].failures == 0


async def test_the_backoff_of_a_failing_node_grows(sandbox: StellarSandbox, nodes: Nodes) -> None:
    plan_faults(sandbox, {"kind": "node_down"})
    rests = []
    for _ in range(8):
        with pytest.raises(ChainUnavailable):
            await nodes.ask(lambda server: server.get_network())
        rests.append(nodes.all[0].rests_until)
    assert rests == sorted(rests)
    assert nodes.all[0].failures == 8


async def test_a_lagging_node_is_not_asked_while_another_is_ahead(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    sandbox.close_ledger(20)
    plan_faults(sandbox, {"kind": "lagging_node", "node": 1, "value": 9})
    await nodes.ask_node(nodes.all[0], get_ledger_range)
    await nodes.ask_node(nodes.all[1], get_ledger_range)
    assert nodes.all[1].lag == 9 > LAG_MAX_LEDGERS
    for _ in range(6):
        assert (await nodes.ask(get_ledger_range)).latest_ledger == nodes.highest
    assert nodes.choose_best() is not nodes.all[1]


async def test_an_answer_older_than_required_is_refused(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    sandbox.close_ledger(20)
    seen = (await nodes.ask(get_ledger_range)).latest_ledger
    plan_faults(sandbox, {"kind": "lagging_node", "value": 2})
    with pytest.raises(ChainUnavailable, match=f"behind {seen}"):
        await nodes.ask(get_ledger_range, at_least=seen)
    sandbox.close_ledger(2)
    assert (await nodes.ask(get_ledger_range, at_least=seen)).latest_ledger == seen


async def test_the_same_bytes_go_to_another_node_each_time(
    sandbox: StellarSandbox, nodes: Nodes, wallet: Wallet
) -> None:
    envelope = wallet.build_payment(CHANNEL, 1).to_xdr()
    second = nodes.all[1]
    places = []
    for _ in range(4):
        await nodes.send(envelope, second)
        places.append([len(node.queue.envelopes) for node in sandbox.network.nodes])
    assert places == [[0, 1, 0], [0, 1, 1], [1, 1, 1], [1, 1, 1]]


async def test_bytes_are_not_sent_to_a_node_that_is_known_to_be_down(
    sandbox: StellarSandbox, nodes: Nodes, wallet: Wallet
) -> None:
    plan_faults(sandbox, {"kind": "node_down", "node": 2})
    envelope = wallet.build_payment(CHANNEL, 1).to_xdr()
    with pytest.raises(Exception, match="reset"):
        await nodes.send(envelope, nodes.all[2])
    for _ in range(2):
        await nodes.send(envelope)
    assert [len(node.queue.envelopes) for node in sandbox.network.nodes] == [1, 1, 0]


async def test_excluded_nodes_are_neither_asked_nor_sent_to(
    sandbox: StellarSandbox, nodes: Nodes, wallet: Wallet
) -> None:
    envelope = wallet.build_payment(CHANNEL, 1).to_xdr()
    await nodes.send(envelope, nodes.all[0])
    for node in nodes.all:
        node.excluded_reason = "it serves another network"
    unavailable = parse_answer("UNKNOWN ChainUnavailable")
    assert await submissions.send(nodes, envelope) == unavailable
    other = wallet.build_payment(CHANNEL, 2).to_xdr()
    assert await submissions.send(nodes, other, nodes.all[1]) == unavailable
    with pytest.raises(ChainUnavailable, match="all of them are excluded"):
        await nodes.ask(get_ledger_range)
    assert [len(node.queue.envelopes) for node in sandbox.network.nodes] == [1, 0, 0]


def test_the_name_of_a_node_shows_only_its_host() -> None:
    found = Nodes.from_urls(
        "https://rpc.example/v1/secret-key, http://two.example:8000/?key=secret"
    )
    assert [node.name for node in found.all] == ["node 1 (rpc.example)", "node 2 (two.example)"]
    assert "secret" not in repr(found.all)


def test_no_model_of_a_call_is_built_anew_for_each_call() -> None:
    made = re.findall(r"= ((?:Request|Response)\[\w+\])", inspect.getsource(soroban_server_async))
    assert {model.__name__ for model in KEPT_MODELS} == set(made)
