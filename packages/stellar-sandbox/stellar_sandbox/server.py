"""The HTTP server: JSON-RPC with a path for each node, friendbot, and the fault plan."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import orjson
from aiohttp import web
from stellar_sdk import StrKey

from stellar_sandbox.faults.fault_plan import InvalidFaultPlan, parse_fault_plan
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.network import Network, Node
from stellar_sandbox.rpc.request_pipeline import HANG_SECONDS, ConnectionFailure, handle_request

MAX_BODY_BYTES = 512 * 1024


def build_app(network: Network) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES)

    async def serve_default(request: web.Request) -> web.Response:
        return await _answer(network.nodes[0], request)

    async def serve_node(request: web.Request) -> web.Response:
        index = int(request.match_info["index"])
        if index >= len(network.nodes):
            raise web.HTTPNotFound(text="no such node")
        return await _answer(network.nodes[index], request)

    async def fund_account(request: web.Request) -> web.Response:
        address = request.query.get("addr", "")
        if not StrKey.is_valid_ed25519_public_key(address):
            return web.json_response({"detail": "addr is not an account"}, status=400)
        if not network.fund_account(address):
            return web.json_response({"detail": "account already funded"}, status=400)
        return web.json_response({"successful": True, "address": address})

    app.router.add_post("/", serve_default)
    app.router.add_post(r"/node/{index:\d+}", serve_node)
    app.router.add_get("/friendbot", fund_account)
    app.router.add_routes(_build_fault_routes(network))
    return app


async def _answer(node: Node, request: web.Request) -> web.Response:
    reply = await handle_request(node, await request.read())
    if reply.connection_failure == ConnectionFailure.HANG:
        await asyncio.sleep(HANG_SECONDS)
    if reply.connection_failure is not None and request.transport is not None:
        request.transport.abort()
    return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)


def _build_fault_routes(network: Network) -> list[web.RouteDef]:
    async def show_faults(request: web.Request) -> web.Response:
        return web.json_response(network.faults.report())

    async def replace_plan(request: web.Request) -> web.Response:
        try:
            faults, seed = parse_fault_plan(orjson.loads(await request.read()))
            start_fault_plan(network, faults, seed)
        except (InvalidFaultPlan, TypeError, orjson.JSONDecodeError) as error:
            return web.json_response({"detail": str(error)}, status=400)
        return web.json_response(network.faults.report())

    async def show_calls(request: web.Request) -> web.Response:
        return web.json_response(network.calls)

    async def close_ledger(request: web.Request) -> web.Response:
        network.close_ledger()
        return web.json_response({"ledger": network.ledger.last_closed.sequence})

    return [
        web.get("/faults", show_faults),
        web.get("/calls", show_calls),
        web.post("/faults", replace_plan),
        web.post("/close-ledger", close_ledger),
    ]


class CannotListen(OSError):
    """The server cannot listen on the port."""


async def serve(network: Network, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; print `ready URL` as soon as the port answers."""
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
    close_loop = asyncio.create_task(network.run())
    try:
        print(f"ready http://{host}:{runner.addresses[0][1]}", flush=True)
        await _wait_for_stop(stop, close_loop)
    finally:
        close_loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await close_loop
        await runner.cleanup()
        network.close()


async def _wait_for_stop(stop: asyncio.Event, close_loop: asyncio.Task[None]) -> None:
    """Wait for the signal; raise if the loop that closes ledgers ends for another reason."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({waiting, close_loop}, return_when=asyncio.FIRST_COMPLETED)
    if close_loop in done:
        close_loop.result()
        await waiting
    waiting.cancel()
