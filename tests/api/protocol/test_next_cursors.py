"""Lists go on by a cursor, in their answer or in a header, and refuse one of another list."""

import httpx
import pytest

from tests.testkit.api_client import make_unique_id

LISTS = ("/payments", "/sla/disputes", "/parties", "/agreements")
ARRAYS = (
    "/outages/bulk/history",
    "/intake/episodes",
    "/intake/messages",
    "/intake/maintenance-windows",
)


@pytest.fixture(scope="module")
async def known(api: httpx.AsyncClient) -> list[str]:
    """Two of each that is quickly made."""
    made = []
    for kind in ("customer", "customer"):
        party = {"id": make_unique_id("cursor"), "name": "A customer", "kind": kind}
        assert (await api.post("/parties", json=party)).status_code == 201
        made.append(party["id"])
    for name in ("one.csv", "two.csv"):
        file = {
            "file": (
                name,
                f"service_id,start_time,end_time\n{make_unique_id('svc')},x,\n",
                "text/csv",
            )
        }
        assert (await api.post("/outages/bulk", files=file)).is_success
    return made


async def test_a_list_goes_on_by_its_cursor(api: httpx.AsyncClient, known: list[str]) -> None:
    params, found = {"page_size": "50"}, list[str]()
    while True:
        page = (await api.get("/parties", params=params)).json()
        found += [each["id"] for each in page["items"]]
        assert page["total"] >= len(found)
        assert page["total_is_estimated"] is False
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == sorted(set(found))
    assert set(known) <= set(found)


async def test_a_bare_array_goes_on_by_a_header(api: httpx.AsyncClient, known: list[str]) -> None:
    path = "/outages/bulk/history"
    first = await api.get(path, params={"page_size": 1})
    cursor = first.headers["X-Next-Cursor"]
    second = await api.get(path, params={"page_size": 1, "cursor": cursor})
    by_number = await api.get(path, params={"page_size": 1, "page": 2})
    assert second.json() == by_number.json() != first.json()
    assert "X-Next-Cursor" not in (await api.get(path, params={"page_size": 200})).headers


@pytest.mark.parametrize("path", [*LISTS, *ARRAYS])
async def test_a_cursor_of_another_list_is_refused(
    api: httpx.AsyncClient, known: list[str], path: str
) -> None:
    foreign = (await api.get("/parties", params={"page_size": 1})).json()["next_cursor"]
    if path == "/parties":
        foreign = (await api.get("/outages/bulk/history", params={"page_size": 1})).headers[
            "X-Next-Cursor"
        ]
    for cursor in (foreign, "x"):
        answer = await api.get(path, params={"cursor": cursor})
        assert answer.status_code == 422
        assert "send the next_cursor of an earlier page" in answer.text


@pytest.mark.parametrize("path", [*LISTS, *ARRAYS])
async def test_a_cursor_and_a_number_exclude_each_other(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, params={"cursor": "x", "page": 2})
    assert answer.status_code == 422
    assert "it says where the page begins" in answer.text


@pytest.mark.parametrize("path", ARRAYS)
async def test_a_number_reaches_so_deep(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path, params={"page": 51, "page_size": 200})).json() == []
    answer = await api.get(path, params={"page": 52, "page_size": 200})
    assert answer.status_code == 422
    assert "more than 10,000 rows deep" in answer.text
