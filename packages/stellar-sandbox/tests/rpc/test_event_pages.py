"""Events are read page by page, as far back as they are kept."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from stellar_sdk import (
    scval,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.rpc.request_pipeline import handle_request
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    build_genesis_document,
)
from stellar_sandbox.testing.wallet import Wallet


async def call_rpc(sandbox: StellarSandbox, method: str, params: object) -> dict[str, Any]:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    reply = await handle_request(sandbox.network.nodes[0], orjson.dumps(request))
    answer: dict[str, Any] = orjson.loads(reply.body)
    return answer


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


async def test_who_has_caught_up_reads_the_newest_ledger_again(
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
