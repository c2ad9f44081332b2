"""What is broken off on its way is noticed by who reads it, and not more is begun than can be borne."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text

from adapters.postgres.database import Database
from adapters.settings import ApiSettings
from api.app import create_app
from api.edge.limits import EdgeLimits
from api.rendering.export_streams import EXPORTS_AT_ONCE_MAX
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.services.exports.test_stream_export import COPYING, INSERT, is_quiet
from tests.testkit import stacks
from tests.testkit.api_client import wait_until
from tests.testkit.edge.edge_server import serve


@pytest.fixture(scope="module")
async def many(stack: Stack) -> AsyncIterator[Database]:
    """More than sockets hold between the server and a reader who has stopped: on a busy machine that is 20 MB."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(INSERT, {"prefix": "OUT-", "count": 7000})
            await connection.execute(text("UPDATE outages SET root_cause = repeat('x', 8000)"))
        yield database


@pytest.fixture(scope="module")
async def app(stack: Stack, many: Database) -> AsyncIterator[FastAPI]:
    """The API in this process, on that database."""
    url = make_url(many.url).set(drivername="postgresql")
    known = {name.lower(): value for name, value in stack.environment.items()}
    known["database_url"] = url.render_as_string(hide_password=False)
    known["sla_agreement"] = "served"  # the scratch database has a default of its own
    settings = ApiSettings(
        **{name: value for name, value in known.items() if name in ApiSettings.model_fields}
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(app, EdgeLimits()) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"X-API-Key": KEY},
            timeout=30,
            trust_env=False,
        ) as client,
    ):
        yield client


async def cut(database: Database) -> None:
    """End the query that writes a file."""
    async with database.autocommit() as connection:
        pid = (await connection.execute(COPYING)).scalars().first()
        assert pid is not None, "the server has written all of it at once: use more rows"
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


async def is_free(app: FastAPI) -> bool:
    return bool(app.state.engine.exports == 0)


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
async def test_a_file_that_cannot_be_finished_is_cut_off_and_never_ended(
    client: httpx.AsyncClient, app: FastAPI, many: Database, form: str
) -> None:
    async with client.stream("GET", "/exports/outages", params={"format": form}) as answer:
        assert answer.status_code == 200
        parts = answer.aiter_bytes()
        await anext(parts)
        await cut(many)
        with pytest.raises(httpx.RemoteProtocolError):
            [part async for part in parts]
    receipt = await client.get(f"/exports/receipts/{answer.headers['x-export-id']}")
    assert receipt.json()["complete"] is False
    assert await is_free(app)


async def is_busy(database: Database) -> bool:
    return not await is_quiet(database)


async def test_a_reader_who_goes_away_stops_the_writing(
    client: httpx.AsyncClient, app: FastAPI, many: Database
) -> None:
    async with client.stream("GET", "/exports/outages") as answer:
        await anext(answer.aiter_bytes())
        assert app.state.engine.exports == 1
        await wait_until(lambda: is_busy(many), "its query is being answered")
    await wait_until(lambda: is_free(app), "the export is given up")
    await wait_until(lambda: is_quiet(many), "its query has ended")


async def test_not_more_is_begun_than_can_be_borne(
    client: httpx.AsyncClient, app: FastAPI, many: Database
) -> None:
    async with AsyncExitStack() as reading:
        for _ in range(EXPORTS_AT_ONCE_MAX):
            answer = await reading.enter_async_context(client.stream("GET", "/exports/outages"))
            assert answer.status_code == 200
        refused = await client.get("/exports/outages")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        # Whoever reads a list is not kept waiting by those who read files.
        assert (await client.get("/outages", params={"page_size": 1})).status_code == 200
    await wait_until(lambda: is_free(app), "all exports are given up")
    assert (await client.get("/exports/outages", params={"site": "nowhere"})).status_code == 200
