"""People with browsers that run no script."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access.browser import add_person
from tests.testkit.console.page_browser import PageBrowser

OpenPages = Callable[..., Awaitable[PageBrowser]]


@pytest.fixture
async def pages(
    stack: Stack, api: httpx.AsyncClient, database: Database
) -> AsyncIterator[OpenPages]:
    """Return browsers in which somebody of a role has logged in."""
    opened: list[PageBrowser] = []

    async def open_pages(
        role: Role, path: str = "/console", party: str | None = None
    ) -> PageBrowser:
        browser = PageBrowser(stack.url)
        opened.append(browser)
        await browser.log_in(await add_person(database, role, party=party), path)
        return browser

    yield open_pages
    for browser in opened:
        await browser.client.aclose()


@pytest.fixture
async def stranger(stack: Stack, api: httpx.AsyncClient) -> AsyncIterator[PageBrowser]:
    """A browser in which nobody has logged in."""
    async with PageBrowser(stack.url) as browser:
        yield browser
