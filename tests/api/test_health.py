"""Anyone may ask whether the product serves; only the sandbox tells where its parts are."""

import httpx

from sandbox.stack import Stack


async def test_the_process_is_alive_and_says_so_without_a_key(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        for path in ("/api/v1/health", "/api/v1/health/liveness", "/health", "/health/liveness"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"}), path


async def test_readiness_names_the_parts_it_stands_on(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        answer = await stranger.get("/api/v1/health/readiness")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {"database": "ok", "temporal": "ok"}}


async def test_the_sandbox_tells_where_everything_is(api: httpx.AsyncClient, stack: Stack) -> None:
    answer = await api.get("/health/stack")
    assert answer.json() == {
        "stellar_network": "sandbox",
        "stellar_rpc_url": stack.environment["STELLAR_RPC_URL"],
        "temporal_address": stack.environment["TEMPORAL_ADDRESS"],
        "temporal_ui_url": stack.environment["TEMPORAL_UI_URL"],
    }
