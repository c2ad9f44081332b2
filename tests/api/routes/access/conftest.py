"""Browsers without a session, and somebody who can log in."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.database import Database
from domain.access.people import Person
from tests.testkit.access.browser import Browser, add_person


@pytest.fixture
async def browser(api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    async with Browser(str(api.base_url)) as opened:
        yield opened


@pytest.fixture
async def other(api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    async with Browser(str(api.base_url)) as opened:
        yield opened


@pytest.fixture
async def person(database: Database) -> Person:
    return await add_person(database)
