"""The browsers that the tests of the frontend's calls share: people sign in, and cookies alone say who they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access import browser as cookies
from tests.testkit.frontend.browser import Browser


@asynccontextmanager
async def open_browser(stack: Stack, role: Role) -> AsyncIterator[Browser]:
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    person = await cookies.add_person(database, role)
    await database.close()
    async with cookies.Browser(f"{stack.url}/api/v1") as client:
        client.headers["Accept"] = "application/json, text/plain, */*"
        await cookies.open_session(client, person)
        yield Browser(client)


@pytest.fixture(scope="module")
async def browser(stack: Stack, api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    """A browser that an admin is signed in with."""
    async with open_browser(stack, Role.ADMIN) as opened:
        yield opened


@pytest.fixture
async def colleague(stack: Stack) -> AsyncIterator[Browser]:
    """The browser of somebody else, who is no admin."""
    async with open_browser(stack, Role.OPERATOR) as opened:
        yield opened
