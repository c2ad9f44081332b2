"""Bad requests get the right error, and none of them stops the network."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import parse_fault_plan
from stellar_sandbox.ledger.ledger_store import LedgerStore, StoreUnusable
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis, InvalidGenesis
from stellar_sandbox.rpc.request_pipeline import handle_request
from stellar_sandbox.testing.accounts import (
    SHOP,
    build_genesis_document,
)
from stellar_sandbox.testing.wallet import Wallet

PLACE = f"{1 << 32:019d}-0000000000"


async def call_rpc(sandbox: StellarSandbox, method: str, params: object) -> dict[str, Any]:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    reply = await handle_request(sandbox.network.nodes[0], orjson.dumps(request))
    answer: dict[str, Any] = orjson.loads(reply.body)
    return answer


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("getNothing", {}, -32601),
        ("getHealth", [1], -32600),
        ("getTransaction", {}, -32602),
        ("getTransaction", {"hash": "zz" * 32}, -32602),
        ("sendTransaction", {"transaction": "not base64"}, -32602),
        ("sendTransaction", {"transaction": "AAAA"}, -32602),
        ("sendTransaction", {}, -32602),
        ("getLedgerEntries", {"keys": ["AAAA"] * 201}, -32602),
        ("getLedgerEntries", {"keys": ["?"]}, -32602),
        ("getLedgerEntries", {"keys": [None]}, -32602),
        ("getTransactions", {"startLedger": 0}, -32600),
        ("getTransactions", {"startLedger": 1, "pagination": {"limit": 201}}, -32600),
        ("getTransactions", {"startLedger": 1, "pagination": {"cursor": "5"}}, -32600),
        ("getTransactions", {"pagination": {"cursor": "x"}}, -32602),
        ("getTransactions", {"pagination": {"cursor": 5}}, -32602),
        ("getTransactions", {"pagination": {"cursor": "0"}}, -32602),
        ("getTransactions", {"pagination": "x"}, -32602),
        ("getEvents", {"startLedger": 0}, -32602),
        ("getEvents", {"startLedger": 99}, -32600),
        ("getEvents", {"startLedger": 1, "pagination": {"cursor": PLACE}}, -32602),
        ("getEvents", {"endLedger": 9, "pagination": {"cursor": PLACE}}, -32602),
        ("getEvents", {"pagination": {"cursor": "0000000000000000001-0000000000"}}, -32600),
        ("getEvents", {"pagination": {"cursor": f"{99 << 32:019d}-0000000000"}}, -32600),
        ("getEvents", {"pagination": {"cursor": "5"}}, -32602),
        ("getEvents", {"startLedger": 1, "pagination": {"limit": 10_001}}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [1]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{}] * 6}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"type": "diagnostic"}]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"contractIds": ["?"]}]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"topics": [["*"] * 5]}]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"topics": [["**", "*"]]}]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"topics": [[]]}]}, -32602),
        ("getEvents", {"startLedger": 1, "filters": [{"topics": [["transfer"]]}]}, -32602),
        ("getLedgers", {"startLedger": 99}, -32600),
        ("getLedgers", {"startLedger": 1, "pagination": {"cursor": "1"}}, -32600),
        ("getLedgers", {"pagination": {"cursor": "98"}}, -32602),
        ("getLedgers", {"pagination": {"cursor": "1"}}, -32602),
        ("getLedgers", {"pagination": {"cursor": "x"}}, -32602),
    ],
)
async def test_a_bad_question_gets_the_right_error(
    sandbox: StellarSandbox, method: str, params: object, code: int
) -> None:
    assert (await call_rpc(sandbox, method, params))["error"]["code"] == code


async def test_what_is_not_json_is_refused_as_such(sandbox: StellarSandbox) -> None:
    for raw in (b"", b"{", b"[]", b'{"method": 5}', b"\xff"):
        answer = orjson.loads((await handle_request(sandbox.network.nodes[0], raw)).body)
        assert answer["error"]["code"] in (-32700, -32600)


def test_a_ledger_of_another_shape_is_refused(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "stellar.sqlite")
    older.execute("create table ledgers (sequence integer)")
    older.close()

    with pytest.raises(StoreUnusable, match="made by another version"):
        LedgerStore(tmp_path)


async def test_an_upgrade_shows_while_it_lasts(wallet: Wallet, sandbox: StellarSandbox) -> None:
    start_fault_plan(
        sandbox.network, *parse_fault_plan({"faults": [{"kind": "protocol_upgrade", "value": 99}]})
    )
    sandbox.close_ledger()
    assert (await wallet.server.get_network()).protocol_version == 99
    assert (await wallet.server.get_latest_ledger()).protocol_version == 99


@pytest.mark.parametrize(
    "change",
    [
        {"asset": {"code": "USDC", "issuer": "nobody"}},
        {"accounts": [{"address": "nobody", "native_stroops": 1, "usdc_stroops": None}]},
        {"accounts": [{"address": SHOP.public_key, "native_stroops": 1.5, "usdc_stroops": 0}]},
        {"accounts": [{"address": SHOP.public_key, "native_stroops": 1}] * 2},
    ],
)
def test_a_genesis_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidGenesis):
        Genesis.parse(build_genesis_document() | change)
