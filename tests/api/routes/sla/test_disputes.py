"""An objection holds the money until somebody rules, or nobody did in time."""

from contextlib import AsyncExitStack
from typing import Any

import httpx

from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import (
    AT_ONCE,
    BRIEF,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)


async def _disputed(api: httpx.AsyncClient, **changes: Any) -> tuple[str, dict[str, Any]]:
    outage_id = await declare_outage(api, **changes)
    await resolve_outage(api, outage_id)
    answer = await _object(api, outage_id)
    assert answer.status_code == 201, answer.text
    return outage_id, answer.json()


async def _object(api: httpx.AsyncClient, outage_id: str, **headers: str) -> httpx.Response:
    objection = {"outage_id": outage_id, "reason": "the power was cut by the landlord"}
    return await api.post("/sla/disputes", json=objection, headers=headers)


async def _rule(api: httpx.AsyncClient, dispute: dict[str, Any], **decision: Any) -> httpx.Response:
    return await api.patch(f"/sla/disputes/{dispute['id']}", json=decision)


async def _payment(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    await wait_for_lifecycle(api, outage_id, "closed")
    page = (await api.get("/payments", params={"outage_id": outage_id})).json()
    assert page["total"] == 1, "an outage is settled once"
    payment: dict[str, Any] = page["items"][0]
    return payment


async def test_an_objection_holds_the_money(api: httpx.AsyncClient) -> None:
    outage_id, dispute = await _disputed(api)
    expected = {
        "outage_id": outage_id,
        "status": "open",
        "reason": "the power was cut by the landlord",
        "revision": 1,
        "filed_by": "admin",
        "decided_by": None,
        "resolution_note": None,
    }
    assert expected.items() <= dispute.items()
    assert dispute["decision_deadline"] > dispute["created_at"]
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "disputed"
    assert (await api.get(f"/sla/disputes/{dispute['id']}")).json() == dispute
    assert (await api.get("/payments", params={"outage_id": outage_id})).json()["total"] == 0


async def test_a_second_objection_is_refused_while_one_is_open(api: httpx.AsyncClient) -> None:
    outage_id, _ = await _disputed(api)
    answer = await _object(api, outage_id)
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"outage {outage_id!r} has an open dispute already"


async def test_a_decision_with_other_minutes_is_judged_and_paid(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id, dispute = await _disputed(api)
    decision = {"action": "resolve", "mttr_minutes": 8, "resolution_note": "power is not ours"}
    ruled = await _rule(decider, dispute, **decision)
    assert ruled.status_code == 200
    assert ruled.json()["status"] == "resolved"
    assert ruled.json()["decided_by"].startswith("second-")
    assert ruled.json()["resolution_note"] == "power is not ours"
    payment = await _payment(api, outage_id)
    assert (payment["type"], payment["amount"], payment["revision"]) == ("reward", 1125, 2)
    sla = (await api.get(f"/outages/{outage_id}")).json()["sla_status"]
    assert (sla["rating"], sla["mttr_minutes"], sla["revision"]) == ("excellent", 8, 2)


async def test_an_upheld_dispute_without_minutes_leaves_the_verdict(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id, dispute = await _disputed(api)
    assert (await _rule(decider, dispute, action="resolve")).json()["status"] == "resolved"
    payment = await _payment(api, outage_id)
    assert (payment["type"], payment["amount"], payment["revision"]) == ("penalty", 1000, 1)


async def test_a_rejected_dispute_leaves_the_verdict(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id, dispute = await _disputed(api)
    assert (await _rule(decider, dispute, action="reject")).json()["status"] == "rejected"
    payment = await _payment(api, outage_id)
    assert (payment["amount"], payment["revision"]) == (1000, 1)


async def test_a_dispute_is_ruled_on_once(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id, dispute = await _disputed(api)
    await _rule(decider, dispute, action="reject")
    assert (await _rule(decider, dispute, action="reject")).status_code == 200
    other = await _rule(decider, dispute, action="resolve", mttr_minutes=1)
    assert other.status_code == 409
    assert "was rejected by" in other.json()["detail"]
    assert (await _payment(api, outage_id))["revision"] == 1


async def test_a_refused_decision_leaves_the_dispute_open(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    _, dispute = await _disputed(api)
    answer = await _rule(decider, dispute, action="reject", mttr_minutes=5)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "mttr_minutes"
    assert (await api.get(f"/sla/disputes/{dispute['id']}")).json()["status"] == "open"
    assert (await _rule(decider, dispute, action="maybe")).status_code == 422
    assert (
        await _rule(decider, dispute, action="reject", resolution_note="x" * 201)
    ).status_code == 422


async def test_nobody_rules_in_time_and_the_verdict_stands(api: httpx.AsyncClient) -> None:
    outage_id, dispute = await _disputed(api, policy=BRIEF)

    async def expired() -> dict[str, Any] | None:
        found: dict[str, Any] = (await api.get(f"/sla/disputes/{dispute['id']}")).json()
        return found if found["status"] == "expired" else None

    found = await wait_until(expired, "the time to decide has run out")
    assert found["decided_by"] == "engine"
    assert (await _payment(api, outage_id))["revision"] == 1


async def test_after_the_window_the_refusal_names_its_end(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api, policy=AT_ONCE)
    deadline = (await resolve_outage(api, outage_id))["outage"]["dispute_deadline"].replace(
        "Z", "+00:00"
    )
    early = await _object(api, outage_id)
    await wait_for_lifecycle(api, outage_id, "closed")
    late = await _object(api, outage_id)
    for answer in (early, late):
        assert answer.status_code == 409
        assert f"dispute window closed at {deadline}" in answer.json()["detail"]


async def test_there_is_no_objecting_before_a_verdict(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    answer = await _object(api, outage_id)
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"outage {outage_id!r} is not judged yet"


async def test_the_disputes_of_an_outage_are_listed_newest_first(api: httpx.AsyncClient) -> None:
    outage_id, dispute = await _disputed(api)

    async def listed(**wanted: str) -> list[str]:
        page = await api.get("/sla/disputes", params={"outage_id": outage_id} | wanted)
        assert page.json()["total"] == len(page.json()["items"])
        return [item["id"] for item in page.json()["items"]]

    assert await listed() == await listed(status="open") == [dispute["id"]]
    for status in ("under_review", "resolved", "rejected"):
        assert await listed(status=status) == []
    calm = await declare_outage(api)
    assert (await api.get("/sla/disputes", params={"outage_id": calm})).json()["items"] == []


async def test_a_dispute_that_somebody_has_taken_up_is_under_review_and_then_ruled_on(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    outage_id, dispute = await _disputed(api)
    path = f"/sla/disputes/{dispute['id']}"
    for _ in range(2):  # whoever asks again has it already
        taken = await decider.patch(path, json={"action": "review"})
        assert taken.status_code == 200, taken.text
    shown = taken.json()
    assert (shown["status"], shown["decided_by"]) == ("under_review", None)
    assert shown["reviewed_by"].startswith("second-")
    assert shown["review_began_at"] is not None
    listed = await api.get(
        "/sla/disputes", params={"outage_id": outage_id, "status": "under_review"}
    )
    assert [item["id"] for item in listed.json()["items"]] == [dispute["id"]]
    # It is the outage's one dispute still.
    assert (await _object(api, outage_id)).status_code == 409
    ruled = await decider.patch(path, json={"action": "reject", "resolution_note": "it stands"})
    assert (ruled.status_code, ruled.json()["status"]) == (200, "rejected")
    late = await decider.patch(path, json={"action": "review"})
    assert late.status_code == 409
    timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    assert [each["step"] for each in timeline if each["step"].startswith("dispute.")] == [
        *("dispute.filed", "dispute.review_began", "dispute.decided"),
    ]


async def test_the_same_objection_sent_again_is_the_same_dispute(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    key = {"idempotency-key": f"object-{outage_id}"}
    first, again = await _object(api, outage_id, **key), await _object(api, outage_id, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_who_made_the_verdict_or_filed_the_dispute_does_not_decide_it(
    api: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    """Seen: one key declared, stated the minutes, disputed and decided, and was paid."""
    outage_id = await declare_outage(api, severity="high")
    async with AsyncExitStack() as stack:
        corrector, resolver, filer = [
            await stack.enter_async_context(await open_second_person(api)) for _ in range(3)
        ]
        critical = {"severity": "critical"}
        (await corrector.patch(f"/outages/{outage_id}", json=critical)).raise_for_status()
        await resolve_outage(resolver, outage_id)
        dispute = (await _object(filer, outage_id)).json()
        for maker in (api, corrector, resolver, filer):
            for decision in ({"action": "review"}, {"action": "resolve", "mttr_minutes": 5}):
                refused = await _rule(maker, dispute, **decision)
                assert refused.status_code == 403, refused.text
                assert "may not decide it; ask another person" in refused.json()["detail"]
    assert (await api.get(f"/sla/disputes/{dispute['id']}")).json()["status"] == "open"
    # Who has corrected what bears on no verdict has made none.
    notes = {"resolution_notes": "seen"}
    (await decider.patch(f"/outages/{outage_id}", json=notes)).raise_for_status()
    assert (await _rule(decider, dispute, action="resolve")).status_code == 200
