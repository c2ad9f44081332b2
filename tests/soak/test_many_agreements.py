"""
Outages of three providers under many agreements: each is settled to its own parties, under each agreement.

`OUTAGES=1000 AGREEMENTS=100` is the number of the issue; the default is a tenth of it.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from tests.testkit.api_client import TERMS, build_outage, format_time_after, wait_until
from tests.testkit.sla.agreement_factory import make_agreement, make_party, make_payee
from tests.testkit.stacks import Stacks
from tests.testkit.truth import open_api

OUTAGES = int(os.environ.get("OUTAGES", "100"))
AGREEMENTS = int(os.environ.get("AGREEMENTS", "20"))
SITES = [f"TWR-{number}" for number in range(max(5, AGREEMENTS // 2))]
SERVICES = ["lte", "voice", "data", "iptv"]
AT_ONCE, CALLERS = "at-once", 4


async def test_each_outage_is_settled_to_its_own_parties(
    stacks: Stacks, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    async with stacks.start(tmp_path / "data") as stack, open_api(stack, 60) as api:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "terms": TERMS}
        assert (await api.post("/sla/policies", json=policy)).status_code == 201
        payees = [(await make_payee(api, stack)).public_key for _ in range(4)]
        parties = [await make_party(api, "provider") for _ in range(3)]
        made = dict[str, dict[str, Any]]()
        for number in range(AGREEMENTS):
            one = number % 3
            agreement = await make_agreement(
                api,
                *(payees[one], payees[3]),
                provider_party=parties[one],
                policy=AT_ONCE,
                coverage=cover(dice),
            )
            made[agreement["name"]] = agreement
        made["default"] = (await api.get("/agreements/default")).json()
        left = iter(range(OUTAGES))
        await asyncio.gather(*(declare(api, dice, left) for _ in range(CALLERS)))
        await wait_until(lambda: are_closed(api), "all are paid", 60 + OUTAGES)
        await check_payments(api, made)


def cover(dice: random.Random) -> dict[str, list[str]]:
    """Cover some sites, or a service at some sites, or a service anywhere, which is rare."""
    sites, services = dice.sample(SITES, 2), [dice.choice(SERVICES)]
    kind = dice.choice(["sites"] * 5 + ["both"] * 5 + ["services"])
    return {
        "sites": [] if kind == "services" else sites,
        "services": [] if kind == "sites" else services,
    }


async def declare(api: httpx.AsyncClient, dice: random.Random, left: Any) -> None:
    for _ in left:
        minutes = dice.choice([5, 25])
        said = build_outage(
            policy=AT_ONCE,
            site_id=dice.choice(SITES),
            affected_services=[dice.choice(SERVICES)],
            status="resolved",
            resolved_at=format_time_after(minutes),
        )
        while (answer := await api.post("/outages", json=said)).status_code == 503:
            await asyncio.sleep(1)  # the engine is busy, and asks for just that
        assert answer.status_code in (200, 201), answer.text


async def list_all(api: httpx.AsyncClient, path: str) -> AsyncIterator[dict[str, Any]]:
    page = 1
    while items := (await api.get(path, params={"page": page, "page_size": 200})).json()["items"]:
        for item in items:
            yield item
        page += 1


async def count(api: httpx.AsyncClient, **filters: str) -> int:
    answer = await api.get("/outages", params={"page_size": 1, **filters})
    return int(answer.json()["total"])


async def are_closed(api: httpx.AsyncClient) -> bool:
    """By two totals: a look at each outage would take the engine more than they do."""
    return OUTAGES <= await count(api) == await count(api, lifecycle="closed")


async def check_payments(api: httpx.AsyncClient, made: dict[str, dict[str, Any]]) -> None:
    """Every outage and part is paid once, by its agreement, to its agreement's party."""
    shown = {each["id"]: each async for each in list_all(api, "/outages")}
    paid = {each["outage_id"]: each async for each in list_all(api, "/payments")}
    assert paid.keys() == shown.keys()
    for outage_id, outage in shown.items():
        agreement, payment = made[outage["agreement"]], paid[outage_id]
        role = "provider" if payment["type"] == "reward" else "beneficiary"
        assert payment["to_address"] == agreement[role]
        assert payment["status"] == "confirmed"
    whole = [each for each in shown.values() if each["part_of"] is None]
    assert len(whole) == OUTAGES
    assert len(shown) > OUTAGES, "no outage falls under several agreements"
