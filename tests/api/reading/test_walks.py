"""
Every list that the OpenAPI document offers a cursor for is read from its first page to its last one while others add
rows between those that are there, and write all of them anew: each that was there comes once, and none comes twice.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest

from api.app import create_app, lifespan
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.described_app import get_document
from tests.testkit.reading.walked_rows import WEBHOOK, RowWriter, open_walked_database

PREFIX, ROWS, PAGE = "/api/v1", 30, 7
DOCUMENT: dict[str, Any] = get_document()
# Rows that are there have numbers that 1000 divides; those of others stand between them.
STEP = 1000


def list_walked() -> dict[str, str]:
    """Return the paths of lists with a cursor, each with what says how long a page is."""
    found: dict[str, str] = {}
    for path, operations in DOCUMENT["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        named = {each["name"] for each in parameters if "name" in each}
        if "cursor" in named:
            found[path.removeprefix(PREFIX)] = "page_size" if "page_size" in named else "limit"
    return found


WALKED = list_walked()


@dataclass(frozen=True)
class WalkedHouse:
    client: httpx.AsyncClient
    writer: RowWriter
    numbers: "count[int]"


@pytest.fixture(scope="module")
async def house(stack: Stack) -> AsyncIterator[WalkedHouse]:
    async with open_walked_database(stack) as (url, writer):
        writer.add(STEP, ROWS * STEP, STEP)
        with pytest.MonkeyPatch.context() as patch:
            own = {"DATABASE_URL": url, "SLA_AGREEMENT": "house"}
            for name, value in (stack.environment | own).items():
                patch.setenv(name, value)
            app = create_app()
            async with (
                lifespan(app),
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app),
                    base_url=f"http://127.0.0.1{PREFIX}",
                    headers={"X-API-Key": KEY},
                ) as client,
            ):
                yield WalkedHouse(client, writer, count(1))


def find_key(item: dict[str, Any]) -> str:
    """Return what tells one element of a list from the others."""
    item = item.get("payment", item)  # what waits for approval is a payment
    names = ("id", "payment_id", "address", "name", "delivery_id", "job_id")
    key = next(str(item[name]) for name in names if item.get(name) is not None)
    return f"{key} {item['owner']}" if "registered_at" in item else key


async def read_part(
    house: WalkedHouse, path: str, cursor: str | None, size: int
) -> tuple[list[str], str | None]:
    asked: dict[str, Any] = {WALKED[path]: size} | ({} if cursor is None else {"cursor": cursor})
    answer = await house.client.get(path.replace("{webhook_id}", WEBHOOK), params=asked)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    if isinstance(body, list):
        return [find_key(each) for each in body], answer.headers.get("X-Next-Cursor")
    items = body.get("items", body.get("data", body.get("jobs")))
    return [find_key(each) for each in items], body["next_cursor"]


async def read_all(house: WalkedHouse, path: str) -> list[str]:
    found, cursor = await read_part(house, path, None, 100)
    while cursor is not None:
        more, cursor = await read_part(house, path, cursor, 100)
        found += more
    return found


@pytest.mark.parametrize("path", WALKED)
async def test_each_row_that_was_there_comes_once_while_others_write(
    house: WalkedHouse, path: str
) -> None:
    house.writer.remove(STEP)  # what was added for another list
    there = await read_all(house, path)
    assert len(there) >= ROWS, (
        "the list has too few rows to be walked: tests/testkit/reading/walked_rows.py"
    )
    seen, cursor = await read_part(house, path, None, PAGE)
    pages = 1
    while cursor is not None:
        number = next(house.numbers)
        # Near the beginning, in the middle and at the end: before the place of the reader and behind it.
        house.writer.add(2 * STEP + number, ROWS * STEP, (ROWS // 2 - 2) * STEP)
        house.writer.change()
        more, cursor = await read_part(house, path, cursor, PAGE)
        seen += more
        pages += 1
    assert pages > ROWS // PAGE
    assert len(seen) == len(set(seen)), sorted(each for each in seen if seen.count(each) > 1)
    assert set(there) - set(seen) == set()
