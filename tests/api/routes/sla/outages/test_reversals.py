"""A verdict is taken back before it is paid: the outage is reopened, or what it owes is voided."""

from typing import Any

import httpx

from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import (
    STANDARD,
    declare_outage,
    format_time_after,
    resolve_outage,
    settle_outage,
)


async def act(
    client: httpx.AsyncClient, outage_id: str, what: str, **headers: str
) -> httpx.Response:
    body = {"reason": "the mast is another one"}
    return await client.post(f"/outages/{outage_id}/{what}", json=body, headers=headers)


async def list_steps(api: httpx.AsyncClient, outage_id: str) -> list[tuple[str, Any]]:
    items = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    return [
        (item["step"], item["evidence"].get("revision")) for item in items if "evidence" in item
    ]


async def test_a_reopened_outage_is_open_and_its_next_verdict_the_next_revision(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api, policy=STANDARD)
    first = await resolve_outage(api, outage_id, 25)
    reopened = await act(api, outage_id, "reopen")
    assert reopened.status_code == 200, reopened.text
    shown = reopened.json()
    assert (shown["status"], shown["lifecycle"]) == ("open", "declared")
    assert (shown["resolved_at"], shown["sla_status"]) == (None, None)
    refused = await api.post(f"/outages/{outage_id}/recompute-sla")
    assert refused.status_code == 409
    # Open again, it may be corrected like any other.
    assert (await api.put(f"/outages/{outage_id}", json={"severity": "low"})).status_code == 200
    second = await resolve_outage(api, outage_id, 45)
    assert (second["sla"]["mttr_minutes"], second["payment"]["revision"]) == (45, 2)
    assert second["payment"]["id"] != first["payment"]["id"]
    results = (await api.get(f"/sla/results/{outage_id}")).json()
    assert [each["revision"] for each in results] == [2, 1]
    steps = await list_steps(api, outage_id)
    assert ("outage.reopened", 1) in steps
    assert [revision for step, revision in steps if step == "outage.judged"] == [1, 2]


async def test_the_same_request_reopens_once(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api, policy=STANDARD)
    await resolve_outage(api, outage_id, 25)
    key = {"Idempotency-Key": f"reopen-{outage_id}"}
    answers = [await act(api, outage_id, "reopen", **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    await resolve_outage(api, outage_id, 45)
    assert (
        await act(api, outage_id, "reopen", **key)
    ).status_code == 200  # what it was answered then
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "disputable"


async def test_what_is_open_paid_or_seen_in_another_version_is_not_reopened(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api, policy=STANDARD)
    answer = await act(api, outage_id, "reopen")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"outage {outage_id!r} is declared and cannot be reopened",
    )
    seen = (await api.get(f"/outages/{outage_id}")).headers["etag"]
    await resolve_outage(api, outage_id, 25)
    stale = await act(api, outage_id, "reopen", **{"If-Match": seen})
    assert stale.status_code == 412
    # A form that was opened before the repair says `open` without meaning it.
    form = await api.put(f"/outages/{outage_id}", json={"status": "open"})
    assert (form.status_code, "reopened by POST" in form.json()["detail"]) == (409, True)
    closed = await settle_outage(api)
    assert (await act(api, closed["id"], "reopen")).status_code == 409
    assert (await act(api, closed["id"], "void")).status_code in (403, 409)


async def test_a_debt_that_is_disputed_is_decided_first(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api, policy=STANDARD)
    await resolve_outage(api, outage_id, 25)
    objection = {"outage_id": outage_id, "reason": "it was five minutes"}
    assert (await api.post("/sla/disputes", json=objection)).status_code == 201
    async with await open_second_person(api, "admin") as other:
        refused = await act(other, outage_id, "void")
    assert (refused.status_code, "decide it first" in refused.json()["detail"]) == (409, True)


async def test_a_debt_is_voided_by_another_admin_and_never_paid(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api, policy=STANDARD)
    await resolve_outage(api, outage_id, 25)
    maker = await act(api, outage_id, "void")
    assert (maker.status_code, "may not void" in maker.json()["detail"]) == (403, True)
    async with await open_second_person(api, "finance") as finance:
        assert (await act(finance, outage_id, "void")).status_code == 403
    async with await open_second_person(api, "admin") as other:
        voided = await act(other, outage_id, "void")
        assert voided.status_code == 200, voided.text
        again = await act(other, outage_id, "void")
        assert again.status_code == 200
    shown = voided.json()
    assert (shown["status"], shown["lifecycle"]) == ("resolved", "voided")
    assert shown["sla_status"]["amount"] == -1000  # what it was; nothing is owed of it
    assert (await api.get("/payments", params={"outage_id": outage_id})).json()["total"] == 0
    steps = await list_steps(api, outage_id)
    assert [step for step, _ in steps].count("payment.voided") == 1
    for late in (
        await act(api, outage_id, "reopen"),
        await act(api, outage_id, "cancel"),
        await api.put(f"/outages/{outage_id}", json={"root_cause": "storm"}),
        await api.post("/sla/disputes", json={"outage_id": outage_id, "reason": "late"}),
        await api.post(
            f"/outages/{outage_id}/resolve", json={"resolved_at": format_time_after(25)}
        ),
    ):
        assert late.status_code in (200, 409), late.text
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "voided"
