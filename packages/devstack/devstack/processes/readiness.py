"""Asks a loopback server over HTTP whether it serves; standard library only, so that `up` starts quickly."""

import asyncio
import http.client
import json
from http import HTTPStatus

from devstack.processes.ports import LOOPBACK

PATIENCE_SECONDS = 5


async def serves(port: int, path: str) -> bool:
    """True when GET answers 200, false for anything else, a refused connection included."""
    try:
        return (await request("GET", port, path))[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


async def request(method: str, port: int, path: str, body: object = None) -> tuple[int, bytes]:
    """Status and body of the answer, redirects not followed."""
    return await asyncio.to_thread(_request, method, port, path, body)


def _request(method: str, port: int, path: str, body: object) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE_SECONDS)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
