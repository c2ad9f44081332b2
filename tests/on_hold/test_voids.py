"""A payment on hold is voided with its debt, and stated minutes wait for a second person; on the whole product."""

import httpx
from temporalio.client import WorkflowExecutionStatus

from adapters import temporal
from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.settlement.approval_client import (
    approve_payment,
    count_transfers,
    declare_resolved_outage,
    wait_for_payment,
)


async def test_a_voided_payment_on_hold_ends_and_is_never_made(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    assert (await approve_payment(people["ada"], payment["id"])).status_code == 201
    body = {"reason": "another provider's mast"}
    for name in ("kim", "eve"):  # without the permission; with it, and a maker
        answer = await people[name].post(f"/outages/{outage_id}/void", json=body)
        assert answer.status_code == 403
    answer = await people["root"].post(f"/outages/{outage_id}/void", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["lifecycle"] == "voided"
    shown = (await people["admin"].get(f"/payments/{payment['id']}")).json()
    assert (shown["state"], shown["status"], shown["reason_code"]) == ("voided", "failed", None)
    assert (await approve_payment(people["bob"], payment["id"])).status_code == 409
    retried = await people["ada"].post(f"/payments/{payment['id']}/retry")
    assert (retried.status_code, "is voided" in retried.json()["detail"]) == (409, True)
    environment = limited.environment
    client = await temporal.connect(
        environment["TEMPORAL_ADDRESS"], environment["TEMPORAL_NAMESPACE"]
    )
    for id_ in (f"payment/{outage_id}/1", f"outage/{outage_id}"):

        async def ended(id_: str = id_) -> bool:
            described = await client.get_workflow_handle(id_).describe()
            return described.status is WorkflowExecutionStatus.COMPLETED

        await wait_until(ended, f"{id_} has ended")
    assert (await count_transfers(limited))[payment["number"]] == 0
    database = Database(environment["DATABASE_URL"], connections_max=1)
    async with database.transaction() as connection:
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
    await database.close()
    feed = (await people["admin"].get("/events", params={"limit": 1000})).json()
    assert outage_id in str(feed)


async def test_stated_minutes_against_the_clock_are_paid_after_one_other_approval(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_outage(people["eve"], id=make_unique_id("STATED"), policy=AT_ONCE)
    stated = await people["eve"].post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 14})
    assert stated.status_code == 200, stated.text
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    assert payment["reason_code"] == "second_person_required"
    assert payment["status_reason"].startswith("750 USDC waits for approval by a second person: ")
    queued = (await people["bob"].get("/payments/approvals")).json()["items"]
    (asked,) = [each for each in queued if each["payment"]["id"] == payment["id"]]
    assert asked["approvers_needed"] == 1
    assert (await approve_payment(people["eve"], payment["id"])).status_code == 403
    assert (await approve_payment(people["ada"], payment["id"])).status_code == 201
    await wait_for_lifecycle(people["admin"], outage_id, "closed", 60)
    assert (await count_transfers(limited))[payment["number"]] == 1
