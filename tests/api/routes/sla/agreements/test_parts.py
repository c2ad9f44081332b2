"""An outage under several agreements: a verdict, a dispute and a payment under each, to its own parties."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from stellar_sdk import Keypair
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    AT_ONCE,
    BRIEF,
    STANDARD,
    build_outage,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.sla.agreement_factory import make_agreement, make_payee
from worker.recovery.recovery import Lost, Recovery


@dataclass(frozen=True)
class Covered:
    """A site that two agreements cover: the first one names it, the second one its service."""

    site: str
    service: str
    first: dict[str, Any]
    second: dict[str, Any]


@pytest.fixture(scope="module")
async def payees(api: httpx.AsyncClient, stack: Stack) -> list[Keypair]:
    return [await make_payee(api, stack) for _ in range(3)]


async def cover(
    api: httpx.AsyncClient, payees: list[Keypair], policy: str = AT_ONCE, other: str = AT_ONCE
) -> Covered:
    site, service = make_unique_id("site"), make_unique_id("service")
    one, two, customer = (payee.public_key for payee in payees)
    first = await make_agreement(api, one, customer, policy=policy, coverage={"sites": [site]})
    second = await make_agreement(
        api, two, customer, policy=other, coverage={"services": [service]}
    )
    return Covered(site, service, first, second)


async def declare_covered(
    api: httpx.AsyncClient, covered: Covered, **changes: Any
) -> tuple[str, str]:
    """Declare an outage that both agreements cover; return its id and its part's."""
    said = {"site_id": covered.site, "affected_services": [covered.service], "policy": None}
    outage_id = await declare_outage(api, **said | changes)
    shown = (await api.get(f"/outages/{outage_id}")).json()
    assert shown["agreement"] == covered.first["name"]
    (part_id,) = shown["parts"]
    return outage_id, part_id


async def read_payment(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    (payment,) = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
    found: dict[str, Any] = payment
    return found


async def test_each_part_is_judged_and_paid_to_its_own_party(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    covered = await cover(api, payees)
    outage_id, part_id = await declare_covered(api, covered)
    part = (await api.get(f"/outages/{part_id}")).json()
    assert (part["part_of"], part["parts"]) == (outage_id, [])
    assert (part["agreement"], part["agreement_version"]) == (covered.second["name"], 1)
    await resolve_outage(api, outage_id, 5)
    for each, payee in ((outage_id, payees[0]), (part_id, payees[1])):
        closed = await wait_for_lifecycle(api, each, "closed")
        payment = await read_payment(api, each)
        assert closed["sla_status"]["payment_type"] == "reward"
        assert (payment["status"], payment["to_address"]) == ("confirmed", payee.public_key)
    listed = (await api.get("/outages", params={"part_of": outage_id})).json()["items"]
    assert [each["id"] for each in listed] == [part_id]
    assert listed[0]["parts"] is None


async def test_a_part_is_disputed_alone(
    api: httpx.AsyncClient, decider: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    """Each is judged by its agreement's own policy: the first at once, the other one after a window."""
    covered = await cover(api, payees, AT_ONCE, BRIEF)
    outage_id, part_id = await declare_covered(api, covered)
    await resolve_outage(api, outage_id, 25)
    objection = {"outage_id": part_id, "reason": "it was five minutes"}
    filed = await api.post("/sla/disputes", json=objection)
    assert filed.status_code == 201, filed.text
    decision = {"action": "resolve", "mttr_minutes": 5}
    ruled = await decider.patch(f"/sla/disputes/{filed.json()['id']}", json=decision)
    assert ruled.status_code == 200, ruled.text
    for each, type_, payee in ((outage_id, "penalty", 2), (part_id, "reward", 1)):
        await wait_for_lifecycle(api, each, "closed")
        payment = await read_payment(api, each)
        paid = (payment["type"], payment["to_address"])
        assert paid == (type_, payees[payee].public_key)


async def test_a_part_whose_workflow_is_lost_goes_on_from_the_database(
    api: httpx.AsyncClient, payees: list[Keypair], database: Database, temporal: Client
) -> None:
    outage_id, part_id = await declare_covered(api, await cover(api, payees))
    handle = temporal.get_workflow_handle(f"outage/{part_id}")
    await wait_until(partial(runs, temporal, part_id), "the part has a workflow")
    await handle.terminate("a test")
    # The database follows the declared outage, whoever knows of it.
    await resolve_outage(api, outage_id, 5)
    await wait_for_lifecycle(api, outage_id, "closed")
    assert (await api.get(f"/outages/{part_id}")).json()["lifecycle"] == "disputable"
    recovery = Recovery(database, temporal)

    async def find_part() -> Lost | None:
        lost = [each async for each in recovery.find_lost()]
        return next((each for each in lost if each.unfinished.id == part_id), None)

    # What was declared a moment ago is not looked for yet.
    assert await recovery.start(await wait_until(find_part, "the part is lost"))
    await wait_for_lifecycle(api, part_id, "closed")
    assert (await read_payment(api, part_id))["to_address"] == payees[1].public_key


async def runs(temporal: Client, outage_id: str) -> bool:
    try:
        described = await temporal.get_workflow_handle(f"outage/{outage_id}").describe()
    except RPCError:
        return False
    return described.status is WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/resolve", {"mttr_minutes": 5}),
        ("POST", "/cancel", {"reason": "a test"}),
        ("POST", "/reopen", {"reason": "a test"}),
        ("PATCH", "", {"description": "another"}),
    ],
)
async def test_a_part_is_changed_by_the_outage_it_is_of(
    api: httpx.AsyncClient, payees: list[Keypair], method: str, path: str, body: dict[str, Any]
) -> None:
    outage_id, part_id = await declare_covered(api, await cover(api, payees))
    before = (await api.get(f"/outages/{part_id}")).json()
    answer = await api.request(method, f"/outages/{part_id}{path}", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"outage {part_id!r} is part of outage {outage_id!r}; change that one",
    )
    assert (await api.get(f"/outages/{part_id}")).json() == before


async def test_parts_are_amended_and_cancelled_with_their_outage(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    outage_id, part_id = await declare_covered(api, await cover(api, payees))
    amended = await api.patch(f"/outages/{outage_id}", json={"severity": "low"})
    assert amended.status_code == 200, amended.text
    assert (await api.get(f"/outages/{part_id}")).json()["severity"] == "low"
    cancelled = await api.post(f"/outages/{outage_id}/cancel", json={"reason": "a drill"})
    assert cancelled.status_code == 202, cancelled.text
    assert (await api.get(f"/outages/{part_id}")).json()["lifecycle"] == "cancelled"
    trail = (await api.get("/audit", params={"subject": f"outage/{part_id}"})).json()["items"]
    assert sorted(entry["action"] for entry in trail) == [
        "outage.amended",
        "outage.cancelled",
        "outage.declared",
    ]


async def test_parts_are_reopened_with_their_outage_and_paid_once(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    outage_id, part_id = await declare_covered(api, await cover(api, payees, BRIEF, BRIEF))
    await resolve_outage(api, outage_id, 25)
    reopened = await api.post(f"/outages/{outage_id}/reopen", json={"reason": "down again"})
    assert reopened.status_code in (200, 202), reopened.text
    for each in (outage_id, part_id):
        assert (await api.get(f"/outages/{each}")).json()["lifecycle"] == "declared"
    await resolve_outage(api, outage_id, 5)
    for each, payee in ((outage_id, payees[0]), (part_id, payees[1])):
        await wait_for_lifecycle(api, each, "closed")
        payment = await read_payment(api, each)
        assert (payment["type"], payment["status"]) == ("reward", "confirmed")
        assert payment["to_address"] == payee.public_key


async def test_an_outage_with_a_disputed_part_is_not_reopened(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    outage_id, part_id = await declare_covered(api, await cover(api, payees, STANDARD, STANDARD))
    await resolve_outage(api, outage_id, 25)
    objection = {"outage_id": part_id, "reason": "it was five minutes"}
    assert (await api.post("/sla/disputes", json=objection)).status_code == 201
    refused = await api.post(f"/outages/{outage_id}/reopen", json={"reason": "down again"})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        f"outage {part_id!r} is disputed and cannot be reopened",
    )


async def test_a_correction_that_would_find_other_agreements_is_refused(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    covered = await cover(api, payees)
    outage_id, _ = await declare_covered(api, covered)
    before = (await api.get(f"/outages/{outage_id}")).json()
    answer = await api.patch(f"/outages/{outage_id}", json={"site_id": "another"})
    assert answer.status_code == 409
    assert "cancel it, and declare it anew" in answer.json()["detail"]
    more = await api.patch(f"/outages/{outage_id}", json={"affected_services": ["x"]})
    assert more.status_code == 409
    same = {"affected_services": [covered.service, "voice"]}
    assert (await api.patch(f"/outages/{outage_id}", json=same)).status_code == 200
    after = (await api.get(f"/outages/{outage_id}")).json()
    assert after == before | {"affected_services": same["affected_services"]}


async def test_an_outage_names_one_agreement_or_a_customer(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    covered = await cover(api, payees)
    both = {"site_id": covered.site, "affected_services": [covered.service], "policy": None}
    named = await declare_outage(api, **both, agreement=covered.second["name"])
    shown = (await api.get(f"/outages/{named}")).json()
    assert (shown["agreement"], shown["parts"]) == (covered.second["name"], [])
    theirs = covered.second["beneficiary_party"]
    narrowed = await declare_outage(api, **both, customer=theirs)
    shown = (await api.get(f"/outages/{narrowed}")).json()
    assert (shown["agreement"], shown["customer"]) == (covered.second["name"], theirs)
    for wrong, field in (
        ({"customer": theirs, "site_id": "x", "affected_services": []}, "customer"),
        ({"customer": theirs, "agreement": covered.first["name"]}, "customer"),
        ({"agreement": "no-such-agreement"}, "agreement"),
        ({"policy": "standard"}, "policy"),
    ):
        said = build_outage(**both | wrong)
        refused = await api.post("/outages", json=said)
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"] == field
        assert (await api.get(f"/outages/{said['id']}")).status_code == 404


async def test_declaring_again_finds_the_same_parts(
    api: httpx.AsyncClient, payees: list[Keypair]
) -> None:
    covered = await cover(api, payees)
    said = build_outage(site_id=covered.site, affected_services=[covered.service], policy=None)
    first = await api.post("/outages", json=said)
    again = await api.post("/outages", json=said)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(first.json()["parts"]) == 1
