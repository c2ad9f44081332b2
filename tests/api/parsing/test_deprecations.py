"""Older spellings are answered as ever, and each answer says until when."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.testkit.described_app import get_app

APP = get_app()
# What a caller writes today, and what it said before.
OLDER = {
    "sort_field=severity&sort_order=asc": "sort=severity",
    "sort_by=severity&sort_direction=desc": "sort=-severity",
    "start_date=2026-01-31": "date_from=2026-01-31",
    "end_date=2026-01-31": "date_to=2026-01-31",
}


def list_deprecated() -> set[str]:
    """Every name that the OpenAPI document calls deprecated."""
    return {
        parameter["name"]
        for operations in APP.openapi()["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter.get("deprecated")
    }


def check_headers(answer: httpx.Response, status: int, *, older: bool) -> None:
    assert answer.status_code == status
    assert ("deprecation" in answer.headers, "sunset" in answer.headers) == (older, older)
    if older:
        since = datetime.fromtimestamp(int(answer.headers["deprecation"].removeprefix("@")), UTC)
        assert (parsedate_to_datetime(answer.headers["sunset"]) - since).days >= 365


@pytest.mark.parametrize("older", OLDER)
async def test_an_older_spelling_is_answered_the_same_and_says_until_when(
    api: httpx.AsyncClient, older: str
) -> None:
    of_old, of_today = [await api.get(f"/outages?{each}") for each in (older, OLDER[older])]
    check_headers(of_old, 200, older=True)
    check_headers(of_today, 200, older=False)
    assert of_old.json() == of_today.json()


async def test_a_refusal_of_an_older_spelling_says_so_too() -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=APP), base_url="http://x"
    ) as client:
        refused = await client.get("/api/v1/outages?sort_by=severity&nonsense=1")
        check_headers(refused, 422, older=True)
        check_headers(await client.get("/api/v1/outages?nonsense=1"), 422, older=False)


def test_every_older_spelling_is_tried_here_and_declared() -> None:
    assert list_deprecated() == {
        name.partition("=")[0] for older in OLDER for name in older.split("&")
    }
    for path, operations in APP.openapi()["paths"].items():
        for method, operation in operations.items():
            success = min(operation["responses"])
            shown: dict[str, Any] = operation["responses"][success].get("headers", {})
            older = any(each.get("deprecated") for each in operation.get("parameters", []))
            assert ({"Deprecation", "Sunset"} <= {*shown}) is older, f"{method} {path}"
