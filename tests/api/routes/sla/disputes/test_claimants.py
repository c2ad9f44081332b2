"""A claimant disputes a verdict that concerns their party, takes it back, and sees what was decided."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.database import Database
from tests.testkit.access.two_parties import (
    PartyData,
    build_party,
    give_key,
    open_claimant,
    open_client,
)
from tests.testkit.api_client import make_unique_id, wait_for_lifecycle


@pytest.fixture
async def acme(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database)


@pytest.fixture
async def claimant(api: httpx.AsyncClient, acme: PartyData) -> AsyncIterator[httpx.AsyncClient]:
    async with open_claimant(api, acme) as client:
        yield client


async def test_a_claimant_takes_their_dispute_back_and_the_verdict_is_settled(
    api: httpx.AsyncClient, claimant: httpx.AsyncClient, acme: PartyData
) -> None:
    said = {"outage_id": acme.undisputed, "reason": "it was repaired sooner"}
    key = {"Idempotency-Key": make_unique_id("file")}
    filed, again = [await claimant.post("/sla/disputes", json=said, headers=key) for _ in range(2)]
    assert (filed.status_code, again.json()) == (201, filed.json()), filed.text
    path = f"/sla/disputes/{filed.json()['id']}"
    assert (await api.get(path)).json()["status"] == "open"
    # Nobody else takes back what is the party's.
    assert (await api.post(f"{path}/withdraw", json={})).status_code == 403
    for _ in range(2):
        gone = await claimant.post(f"{path}/withdraw", json={"note": "we found the log"})
        assert (gone.status_code, gone.json()["status"]) == (200, "withdrawn"), gone.text
    await wait_for_lifecycle(claimant, acme.undisputed, "closed")
    paid = (await claimant.get("/payments", params={"outage_id": acme.undisputed})).json()
    assert [each["revision"] for each in paid["items"]] == [1]
    steps = [each["step"] for each in (await claimant.get(f"{path}/history")).json()]
    assert steps == ["dispute.filed", "dispute.withdrawn"]


async def test_a_colleague_takes_back_what_the_party_has_filed(
    api: httpx.AsyncClient, acme: PartyData
) -> None:
    async with open_client(api, await give_key(api, acme.party)) as colleague:
        gone = await colleague.post(f"/sla/disputes/{acme.dispute_id}/withdraw")
        assert (gone.status_code, gone.json()["status"]) == (200, "withdrawn"), gone.text
        assert gone.json()["decided_by"] != gone.json()["filed_by"]


async def test_a_claimant_sees_the_decision_and_does_not_make_it(
    claimant: httpx.AsyncClient, decider: httpx.AsyncClient, acme: PartyData
) -> None:
    path = f"/sla/disputes/{acme.dispute_id}"
    decision = {"action": "reject", "resolution_note": "the log says otherwise"}
    assert (await claimant.patch(path, json=decision)).status_code == 403
    assert (await decider.patch(path, json=decision)).status_code == 200
    shown = (await claimant.get(path)).json()
    assert (shown["status"], shown["resolution_note"]) == ("rejected", "the log says otherwise")
    late = await claimant.post(f"{path}/withdraw")
    assert late.status_code == 409
    assert "was rejected" in late.json()["detail"]
