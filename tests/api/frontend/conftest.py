"""The browsers that the tests of the frontend's calls share: people sign in, and cookies alone say who they are."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access import browser as cookies
from tests.testkit.frontend.browser import Browser


async def open_browser(stack: Stack, role: Role) -> cookies.Browser:
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    person = await cookies.add_person(database, role)
    await database.close()
    client = cookies.Browser(f"{stack.url}/api/v1")
    client.headers["Accept"] = "application/json, text/plain, */*"
    await cookies.open_session(client, person)
    return client


@pytest.fixture(scope="module")
async def browser(stack: Stack, api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    """A browser that an admin is signed in with."""
    async with await open_browser(stack, Role.ADMIN) as client:
        yield Browser(client)


@pytest.fixture
async def colleague(stack: Stack) -> AsyncIterator[Browser]:
    """The browser of somebody else, who is no admin."""
    async with await open_browser(stack, Role.OPERATOR) as client:
        yield Browser(client)
