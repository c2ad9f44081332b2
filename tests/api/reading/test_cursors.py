"""Lists that grow go on from a cursor, and take none of another list."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.testkit.api_client import make_unique_id

LISTS = (
    *("/people", "/api-keys", "/payments/approvals", "/integrity-checks/violations"),
    *("/reconciliation/breaks", "/sla/analytics/snapshots"),
)


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_another_list_is_refused(api: httpx.AsyncClient, path: str) -> None:
    assert {"items", "total", "total_is_estimated", "next_cursor"} <= (
        await api.get(path)
    ).json().keys()
    await api.post("/sla/analytics/snapshots")
    other = (await api.get("/sla/analytics/snapshots", params={"page_size": 1})).json()
    cursor = other["next_cursor"]
    answer = await api.get(path, params={"cursor": cursor})
    assert answer.status_code == (200 if path == LISTS[-1] else 422), answer.text
    assert (await api.get(path, params={"cursor": make_unique_id("made-up")})).status_code == 422


async def test_snapshots_are_walked_through_while_others_are_taken(api: httpx.AsyncClient) -> None:
    path, taken = "/sla/analytics/snapshots", list[str]()
    for _ in range(3):
        taken.append((await api.post(path)).json()["id"])
    first = (await api.get(path, params={"page_size": 2})).json()
    assert list_ids(first["items"]) == [taken[2], taken[1]]
    await api.post(path)
    again = {"page_size": 1, "cursor": first["next_cursor"]}
    assert list_ids((await api.get(path, params=again)).json()["items"]) == [taken[0]]


def list_ids(items: Sequence[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in items]
