"""Bad requests get the right error, and none of them stops the network."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from stellar_sdk import (
    InvokeHostFunction,
    SorobanDataBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import parse_fault_plan
from stellar_sandbox.ledger.ledger_store import LedgerStore, StoreUnusable
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis, InvalidGenesis
from stellar_sandbox.rpc.request_pipeline import handle_request
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    CONTRACT,
    PAYER,
    SHOP,
    build_genesis_document,
    build_muxed_address,
)
from stellar_sandbox.testing.wallet import Wallet, sign

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


@pytest.mark.parametrize(
    "topics", [["*"] * 4, ["*"] * 4 + ["**"], ["**"], [scval.to_symbol("transfer").to_xdr(), "**"]]
)
async def test_a_filter_as_wide_as_allowed_finds_the_payment(
    wallet: Wallet, sandbox: StellarSandbox, topics: list[str]
) -> None:
    await wallet.send(wallet.build_payment(CHANNELS[0], 1))
    sandbox.close_ledger()

    params = {"startLedger": 1, "filters": [{"type": "contract", "topics": [topics]}]}
    found = (await call_rpc(sandbox, "getEvents", params))["result"]
    assert len(found["events"]) == 1
    # Who has caught up asks again from where the answer ended.
    again = {"filters": params["filters"], "pagination": {"cursor": found["cursor"]}}
    assert (await call_rpc(sandbox, "getEvents", again))["result"]["events"] == []
    await wallet.send(wallet.build_payment(CHANNELS[1], 1))
    sandbox.close_ledger()
    assert len((await call_rpc(sandbox, "getEvents", again))["result"]["events"]) == 1


async def test_who_has_caught_up_is_told_the_newest_ledger_again(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    sent = [wallet.build_payment(channel, 1) for channel in CHANNELS[:2]]
    for envelope in sent:
        await wallet.send(envelope)
    sandbox.close_ledger()
    latest = sandbox.network.ledger.last_closed.sequence

    first = await wallet.server.get_transactions(start_ledger=1)
    second = await wallet.server.get_transactions(cursor=first.cursor)
    third = await wallet.server.get_transactions(cursor=second.cursor)
    assert [len(page.transactions) for page in (first, second, third)] == [2, 0, 2]
    assert first.cursor == third.cursor != second.cursor
    whole = await wallet.server.get_transactions(start_ledger=1, limit=2)
    assert whole.cursor == first.cursor
    beyond = await wallet.server.get_transactions(cursor=str(latest + 1 << 32))
    assert (beyond.transactions, beyond.cursor) == ([], "0")


async def test_a_cursor_into_what_is_forgotten_is_refused() -> None:
    sandbox = StellarSandbox(Genesis.parse(build_genesis_document()), retention=5)
    sandbox.close_ledger(9)
    oldest = sandbox.network.ledger.oldest_sequence
    for method, cursor, code in (
        ("getTransactions", str(oldest - 1 << 32), -32602),
        ("getEvents", f"{oldest - 1 << 32:019d}-0000000000", -32600),
        ("getLedgers", str(oldest - 2), -32602),
    ):
        answer = await call_rpc(sandbox, method, {"pagination": {"cursor": cursor}})
        assert answer["error"]["code"] == code
    sandbox.network.close()


async def test_what_is_not_json_is_told_so(sandbox: StellarSandbox) -> None:
    for raw in (b"", b"{", b"[]", b'{"method": 5}', b"\xff"):
        answer = orjson.loads((await handle_request(sandbox.network.nodes[0], raw)).body)
        assert answer["error"]["code"] in (-32700, -32600)


async def test_history_reaches_back_only_as_far_as_it_is_kept() -> None:
    sandbox = StellarSandbox(Genesis.parse(build_genesis_document()), retention=5)
    wallet = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client()))
    envelope = wallet.build_payment(CHANNELS[0], 1)
    await wallet.send(envelope)
    sandbox.close_ledger(5)
    assert await wallet.read_status(envelope) == "SUCCESS"
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "NOT_FOUND"
    health = await wallet.server.get_health()
    assert health.latest_ledger - health.oldest_ledger + 1 == 5
    assert (await wallet.server.load_account(CHANNELS[0].public_key)).sequence == 1
    sandbox.network.close()


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


def host_call(wallet: Wallet, function: xdr.HostFunction) -> TransactionEnvelope:
    """A signed call of whatever a host can be asked to do, with resources enough for any."""
    envelope = wallet.start_transaction(CHANNELS[0], 1, 10_000_000).append_operation(
        InvokeHostFunction(function, source=PAYER.public_key)
    )
    data = SorobanDataBuilder().set_resources(1_000_000, 10_000, 10_000)
    built = envelope.set_soroban_data(data.set_resource_fee(5_000_000).build()).build()
    return sign(built, CHANNELS[0], PAYER)


async def test_code_that_is_brought_is_refused_and_the_network_lives_on(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    upload = xdr.HostFunction(
        xdr.HostFunctionType.HOST_FUNCTION_TYPE_UPLOAD_CONTRACT_WASM, wasm=b"\0asm"
    )
    assert await wallet.send(host_call(wallet, upload)) == "ERROR txFAILED"
    sandbox.close_ledger()
    assert await wallet.send(wallet.build_payment(CHANNELS[0], 1)) == "PENDING"
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000


@pytest.mark.parametrize("called", [SHOP.public_key, build_muxed_address(SHOP, 5), CONTRACT])
async def test_a_call_of_what_is_no_contract_fails_and_the_network_lives_on(
    wallet: Wallet, sandbox: StellarSandbox, called: str
) -> None:
    arguments = xdr.InvokeContractArgs(
        scval.to_address(called).address,  # type: ignore[arg-type]
        xdr.SCSymbol(b"transfer"),
        [],
    )
    call = xdr.HostFunction(
        xdr.HostFunctionType.HOST_FUNCTION_TYPE_INVOKE_CONTRACT, invoke_contract=arguments
    )
    envelope = host_call(wallet, call)
    assert await wallet.send(envelope) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "FAILED"
    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.diagnostic_events_xdr
    event = xdr.DiagnosticEvent.from_xdr(found.diagnostic_events_xdr[0]).event
    assert (event.contract_id is not None) == (called == CONTRACT)
    assert await wallet.send(wallet.build_payment(CHANNELS[0], 2)) == "PENDING"
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000
