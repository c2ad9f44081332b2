"""The network behind a port: JSON-RPC over POST, one path per node, and a friendbot."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from aiohttp import web
from stellar_sdk import StrKey

from sandbox.stellar import rpc
from sandbox.stellar.network import Network, Node
from sandbox.stellar.problems import Problem

JSON = "application/json"
MAX_BODY_BYTES = 512 * 1024


def build_app(network: Network) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES)

    async def serve_default(request: web.Request) -> web.Response:
        return await _serve(network.nodes[0], request)

    async def serve_node(request: web.Request) -> web.Response:
        index = int(request.match_info["index"])
        if index >= len(network.nodes):
            raise web.HTTPNotFound(text="no such node")
        return await _serve(network.nodes[index], request)

    async def befriend(request: web.Request) -> web.Response:
        address = request.query.get("addr", "")
        if not StrKey.is_valid_ed25519_public_key(address):
            return web.json_response({"detail": "addr is not an account"}, status=400)
        if not network.befriend(address):
            return web.json_response({"detail": "account already funded"}, status=400)
        return web.json_response({"successful": True, "address": address})

    app.router.add_post("/", serve_default)
    app.router.add_post(r"/node/{index:\d+}", serve_node)
    app.router.add_get("/friendbot", befriend)
    return app


async def _serve(node: Node, request: web.Request) -> web.Response:
    raw = await request.read()
    try:
        answer = rpc.call(node, rpc.read_request(raw))
    except Problem as problem:
        answer = rpc.error_answer(None, problem)
    return web.Response(body=answer, content_type=JSON)


async def serve(network: Network, host: str, port: int) -> None:
    """Serve until told to stop; the line `ready` on stdout says that the port answers."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    runner = web.AppRunner(build_app(network), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    beat = asyncio.create_task(network.run())
    try:
        print(f"ready http://{host}:{runner.addresses[0][1]}", flush=True)
        await _until_stopped(stop, beat)
    finally:
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beat
        await runner.cleanup()
        network.close()


async def _until_stopped(stop: asyncio.Event, beat: asyncio.Task[None]) -> None:
    """Wait for the signal, and fail loudly if the ledger stops beating for another reason."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({waiting, beat}, return_when=asyncio.FIRST_COMPLETED)
    if beat in done:
        beat.result()
        await waiting
    waiting.cancel()
