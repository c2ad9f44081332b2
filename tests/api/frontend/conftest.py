"""The browser that the tests of the frontend's calls share; how it is signed in is decided here alone."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.conftest import KEY
from tests.testkit.frontend.browser import Browser
from tests.testkit.problem_checker import check_problem

COLLEAGUE = "key-of-a-colleague-0001"


@pytest.fixture(scope="module")
async def browser(stack: Stack, api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    """A browser that an admin is signed in with."""
    headers = {"X-API-Key": KEY, "Accept": "application/json, text/plain, */*"}
    client = httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1",
        headers=headers,
        timeout=15,
        trust_env=False,
        event_hooks={"response": [check_problem]},
    )
    async with client:
        yield Browser(client)


@pytest.fixture
async def colleague(stack: Stack, database: Database) -> AsyncIterator[Browser]:
    """The browser of somebody else, who is no admin."""
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "colleague", Role.OPERATOR, COLLEAGUE)
    client = httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers={"X-API-Key": COLLEAGUE}, trust_env=False
    )
    async with client:
        yield Browser(client)
