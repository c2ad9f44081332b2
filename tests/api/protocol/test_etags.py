"""Entity tags: who knows an answer is spared it, and nobody writes over what they have not seen."""

import asyncio

import httpx

from tests.testkit.api_client import (
    declare_outage,
    format_time_after,
    make_unique_id,
    resolve_outage,
)


async def test_who_knows_it_is_answered_304(api: httpx.AsyncClient) -> None:
    path = f"/outages/{await declare_outage(api)}"
    first = await api.get(path)
    tag = first.headers["ETag"]
    again = await api.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert (await api.get(path, headers={"If-None-Match": f'"x", W/{tag}'})).status_code == 304
    assert (await api.get(path, headers={"If-None-Match": '"x"'})).status_code == 200
    await api.put(path, json={"description": "no power"})
    changed = await api.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


async def test_only_what_was_last_seen_is_changed(api: httpx.AsyncClient) -> None:
    path = f"/outages/{await declare_outage(api)}"
    seen = (await api.get(path)).headers["ETag"]
    mine = await api.put(path, json={"description": "mine"}, headers={"If-Match": seen})
    assert mine.status_code == 200, mine.text
    theirs = await api.put(path, json={"description": "theirs"}, headers={"If-Match": seen})
    assert theirs.status_code == 412
    assert theirs.json()["type"] == "/docs/errors#precondition_failed"
    shown = await api.get(path)
    assert shown.json()["description"] == "mine", "what is refused changes nothing"
    assert shown.headers["ETag"] == mine.headers["ETag"]
    again = await api.put(
        path, json={"description": "theirs"}, headers={"If-Match": shown.headers["ETag"]}
    )
    assert again.status_code == 200


async def test_of_many_who_saw_the_same_one_changes_it(api: httpx.AsyncClient) -> None:
    path = f"/outages/{await declare_outage(api)}"
    headers = {"If-Match": (await api.get(path)).headers["ETag"]}
    answers = await asyncio.gather(
        *(api.put(path, json={"description": f"by {n}"}, headers=headers) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]


async def test_an_end_is_refused_to_who_saw_another_outage(api: httpx.AsyncClient) -> None:
    path = f"/outages/{await declare_outage(api)}"
    headers = {"If-Match": (await api.get(path)).headers["ETag"]}
    await api.put(path, json={"severity": "low"})
    end = {"resolved_at": format_time_after(25)}
    assert (await api.post(f"{path}/resolve", json=end, headers=headers)).status_code == 412
    cancelled = await api.post(f"{path}/cancel", json={"reason": "a test"}, headers=headers)
    assert cancelled.status_code == 412
    assert (await api.get(path)).json()["lifecycle"] == "declared"


async def test_a_tag_of_something_else_is_refused(api: httpx.AsyncClient) -> None:
    path = f"/outages/{await declare_outage(api)}"
    for tag in ('"x"', "x", '"1-ab", "2-cd"'):
        refused = await api.put(path, json={"description": "x"}, headers={"If-Match": tag})
        assert refused.status_code == 412, tag
    passed = await api.put(path, json={"description": "x"}, headers={"If-Match": "*"})
    assert passed.status_code == 200


async def test_a_dispute_is_decided_as_it_was_seen(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    filed = await api.post("/sla/disputes", json={"outage_id": outage_id, "reason": "a test"})
    path = f"/sla/disputes/{filed.json()['id']}"
    seen = (await api.get(path)).headers["ETag"]
    await decider.patch(path, json={"action": "review"})
    decision = {"action": "reject", "resolution_note": make_unique_id("note")}
    assert (await decider.patch(path, json=decision, headers={"If-Match": seen})).status_code == 412
    now = (await api.get(path)).headers["ETag"]
    decided = await decider.patch(path, json=decision, headers={"If-Match": now})
    assert decided.status_code == 200, decided.text


async def test_a_list_has_no_tag(api: httpx.AsyncClient) -> None:
    assert "ETag" not in (await api.get("/outages")).headers
