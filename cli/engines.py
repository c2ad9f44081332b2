"""A running ApexChainx, seen from outside: its HTTP API and its chain's JSON-RPC, nothing else."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

AGAIN_SECONDS = 0.5


class Refused(Exception):
    """The engine understood and said no; the sentence is its own."""


class Engine:
    """Asks until there is an answer: a part that died is back in a moment. The caller sets the time limit."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        headers = {"X-API-Key": key}
        self._client = httpx.AsyncClient(headers=headers, trust_env=False, timeout=15)

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON answered, None when there is none; the same question twice is answered once."""
        once = {"Idempotency-Key": uuid4().hex}
        while True:
            try:
                url = f"{self.url}/api/v1{path}"
                answer = await self._client.request(method, url, json=body, headers=once)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return _read(method, path, answer)
            await asyncio.sleep(AGAIN_SECONDS)

    async def find_transaction(self, rpc_url: str, transaction_hash: str) -> dict[str, Any]:
        """What the chain itself says of a transaction."""
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "getTransaction",
            "params": {"hash": transaction_hash},
        }
        # A client of its own: the API key is nothing to show to the chain.
        async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
            answer: dict[str, Any] = (await client.post(rpc_url, json=call)).json()
        found: dict[str, Any] = answer.get("result", {})
        return found

    async def close(self) -> None:
        await self._client.aclose()


def _read(method: str, path: str, answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    raise Refused(f"{method} {path} was answered {answer.status_code}: {detail}")
