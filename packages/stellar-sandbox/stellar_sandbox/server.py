"""The network behind a port: JSON-RPC over POST, one path per node, and a friendbot."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import orjson
from aiohttp import web
from stellar_sdk import StrKey

from stellar_sandbox.faults.fault_plan import BadPlan, read_plan
from stellar_sandbox.network.fault_activation import start_plan
from stellar_sandbox.network.network import Network, Node
from stellar_sandbox.rpc.request_pipeline import HANG_SECONDS, Break, exchange

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
    app.router.add_routes(_fault_routes(network))
    return app


async def _serve(node: Node, request: web.Request) -> web.Response:
    reply = await exchange(node, await request.read())
    if reply.broken == Break.HANG:
        await asyncio.sleep(HANG_SECONDS)
    if reply.broken is not None and request.transport is not None:
        request.transport.abort()
    return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)


def _fault_routes(network: Network) -> list[web.RouteDef]:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(network.faults.report())

    async def switch(request: web.Request) -> web.Response:
        try:
            faults, seed = read_plan(orjson.loads(await request.read()))
            start_plan(network, faults, seed)
        except (BadPlan, TypeError, orjson.JSONDecodeError) as problem:
            return web.json_response({"detail": str(problem)}, status=400)
        return web.json_response(network.faults.report())

    async def count(request: web.Request) -> web.Response:
        return web.json_response(network.calls)

    async def close(request: web.Request) -> web.Response:
        network.close_ledger()
        return web.json_response({"ledger": network.ledger.head.sequence})

    return [
        web.get("/faults", show),
        web.get("/calls", count),
        web.post("/faults", switch),
        web.post("/close-ledger", close),
    ]


class CannotListen(OSError):
    """A port that cannot be had, said in one sentence."""


async def serve(network: Network, host: str, port: int) -> None:
    """Serve until told to stop; the line `ready` on stdout says that the port answers."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    runner = web.AppRunner(build_app(network), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        network.close()
        raise CannotListen(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
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
