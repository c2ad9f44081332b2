"""Lists that grow go on from a cursor, and take none of another list."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from stellar_sdk import Keypair

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


@pytest.mark.parametrize(
    ("path", "of"),
    [
        ("/people", "email"),
        ("/api-keys", "id"),
        ("/wallets", "address"),
        ("/intake/sources", "name"),
    ],
)
async def test_a_list_is_walked_through_by_cursor(
    api: httpx.AsyncClient, path: str, of: str
) -> None:
    """In steps of one, and while others come: each of a larger page is there once, in its order."""
    for _ in range(3):
        await add_one(api, path)
    whole = await api.get(path, params={"page_size": 200})
    wanted = [each[of] for each in list_items(whole)]
    seen, cursor = list[str](), ""
    while len(seen) < 3:
        answer = await api.get(path, params={"page_size": 1, "cursor": cursor})
        seen += [each[of] for each in list_items(answer)]
        cursor = find_cursor(answer)
        if len(seen) == 1:
            await add_one(api, path)
    # One that came between is seen where it belongs: by its name it may, newest first it may not.
    assert [each for each in seen if each in wanted] == wanted[
        : len([*filter(wanted.__contains__, seen)])
    ]
    refused = await api.get("/parties", params={"cursor": cursor})
    assert refused.status_code == 422, refused.text


def list_items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: Any = answer.json()
    return found if isinstance(found, list) else found["items"]


def find_cursor(answer: httpx.Response) -> str:
    found: Any = answer.json()
    return str(answer.headers["X-Next-Cursor"] if isinstance(found, list) else found["next_cursor"])


async def add_one(api: httpx.AsyncClient, path: str) -> None:
    name = make_unique_id("walk").lower()
    body: dict[str, Any] = {
        "/people": {
            "email": f"{name}@example.com",
            "password": f"long enough {name}",
            "role": "viewer",
        },
        "/api-keys": {"name": name, "role": "viewer"},
        "/wallets": {"address": Keypair.random().public_key, "owner": name},
        "/intake/sources": {"name": name, "kind": "alertmanager"},
    }[path]
    answer = await api.post(path, json=body)
    assert answer.status_code == 201, answer.text
