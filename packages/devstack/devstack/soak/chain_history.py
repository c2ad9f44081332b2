"""Every transfer that the chain ever made, read from its own history, not from ours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from stellar_sdk import Address, scval, xdr

PAGE = 200


@dataclass(frozen=True)
class HistoryTransfer:
    """One movement of the asset; `number` is the muxed id that names the payment."""

    hash: str
    number: int
    amount_stroops: int
    payer: str
    payee: str


async def list_transfers(rpc_url: str) -> list[HistoryTransfer]:
    """Page through all ledgers and return every successful transfer."""
    return [
        transfer
        async for transaction in _transactions(rpc_url)
        if transaction["status"] == "SUCCESS"
        for transfer in list_transfers_of(transaction)
    ]


async def _transactions(rpc_url: str) -> AsyncIterator[dict[str, Any]]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        health = await _call(client, rpc_url, "getHealth", {})
        asked: dict[str, Any] = {"startLedger": health["oldestLedger"]}
        while True:
            asked["pagination"] = asked.get("pagination", {}) | {"limit": PAGE}
            page = await _call(client, rpc_url, "getTransactions", asked)
            for transaction in page["transactions"]:
                yield transaction
            if len(page["transactions"]) < PAGE:
                return
            asked = {"pagination": {"cursor": page["cursor"]}}


async def _call(client: httpx.AsyncClient, url: str, method: str, params: Any) -> dict[str, Any]:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    called = (await client.post(url, json=call)).json()
    assert "result" in called, called
    result: dict[str, Any] = called["result"]
    return result


def list_transfers_of(transaction: dict[str, Any]) -> list[HistoryTransfer]:
    """Return the transfers of one transaction, as getTransactions shows it."""
    found = []
    for texts in transaction["events"]["contractEventsXdr"]:
        for text in texts:
            body = xdr.ContractEvent.from_xdr(text).body.v0
            assert body is not None
            topics = [scval.to_native(topic) for topic in body.topics]
            data = scval.to_native(body.data)
            if topics[0] != "transfer" or not isinstance(data, dict):
                continue
            payer, payee = topics[1], topics[2]
            assert isinstance(payer, Address)
            assert isinstance(payee, Address)
            number, amount = data["to_muxed_id"], data["amount"]
            assert isinstance(number, int)
            assert isinstance(amount, int)
            found.append(
                HistoryTransfer(transaction["txHash"], number, amount, payer.address, payee.address)
            )
    return found
