"""Each treasury is shown with what it holds, owes and lacks, and since when, by the page and by the API."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, text
from stellar_sdk import Keypair

from adapters.postgres.accounting import troubles
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.tables import spending
from domain.access.permissions import Role
from domain.accounting.troubles import Trouble, TroubleCode
from tests.api.console.conftest import OpenPages
from tests.testkit.api_client import wait_until
from tests.testkit.settlement.payment_factory import owe_payment

USDC = 10_000_000
SEEN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
# Of another network, so that the worker of the stack leaves it alone.
ELSEWHERE = "a network of this test"


@dataclass(frozen=True)
class OwingTreasury:
    """A treasury that owes 1500 USDC, holds 1000, has paid 30 today, and whose seed is not there."""

    address: str
    database: Database

    async def save_seen(self) -> None:
        """Save what is seen of it: the worker of the stack, which looks now and then, sees that it is no account."""
        async with self.database.transaction() as connection:
            await treasuries.save_seen(connection, {self.address: 1_000 * USDC}, [], SEEN)


@pytest.fixture
async def owing(api: httpx.AsyncClient, database: Database) -> OwingTreasury:
    made = Keypair.random().public_key
    payment = await owe_payment(database, "TREASURY", 5)
    short = Trouble(
        TroubleCode.TREASURY_SHORT, "it lacks 500 USDC", made, missing_stroops=500 * USDC
    )
    today = datetime.now(UTC).date()
    async with database.transaction() as connection:
        await treasuries.add(connection, [made])
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(
            text("UPDATE payments SET from_address = :to WHERE id = :id"),
            {"to": made, "id": payment.id},
        )
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        await connection.execute(
            # It may be tomorrow when it is asked.
            insert(spending),
            [
                {"day": day, "side": "payer", "account": made, "spent_stroops": 30 * USDC}
                for day in (today, today + timedelta(days=1))
            ],
        )
        await troubles.save_troubles(connection, ELSEWHERE, [short], SEEN)
    return OwingTreasury(made, database)


async def find_listed(api: httpx.AsyncClient, address: str) -> dict[str, Any]:
    cursor: str | None = None
    while True:
        asked = {"page_size": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/treasuries", params=asked)).json()
        for each in page["items"]:
            if each["address"] == address:
                return dict(each)
        cursor = page["next_cursor"]
        assert cursor, "it is listed"


def show(usdc: int) -> dict[str, object]:
    return {"amount": usdc, "amount_stroops": str(usdc * USDC)}


async def test_the_api_lists_what_a_treasury_holds_owes_and_lacks(
    api: httpx.AsyncClient, owing: OwingTreasury
) -> None:
    async def look() -> dict[str, Any] | None:
        await owing.save_seen()
        found = await find_listed(api, owing.address)
        return found if found["balance"] is not None else None

    shown = await wait_until(look, "the treasury is as it was saved")
    left = (await api.get("/payments/limits")).json()["cap_per_day"]
    cap = None if left is None else int(left["amount_stroops"]) // USDC
    since = SEEN.isoformat().replace("+00:00", "Z")
    short = {"code": "treasury_short", "detail": "it lacks 500 USDC", "since": since}
    assert short in shown.pop("troubles")
    shown.pop("joined")  # a worker may have read its transfers by now
    assert shown == {
        "address": owing.address,
        "agreements": [],
        "agreement_count": 0,
        "has_seed": False,
        "balance": show(1_000),
        "seen_at": since,
        "owed": show(1_500),
        "missing": show(500),
        "missing_since": since,
        "spent_today": show(30),
        "left_today": None if cap is None else show(cap - 30),
    }


async def test_the_treasury_of_an_agreement_names_it(api: httpx.AsyncClient) -> None:
    bond = (await api.get("/agreements/default")).json()["bond"]
    shown = await find_listed(api, bond)
    assert "default" in shown["agreements"]
    assert shown["joined"] is True


async def test_the_page_shows_staff_what_is_missing_and_since_when(
    pages: OpenPages, owing: OwingTreasury
) -> None:
    finance = await pages(Role.FINANCE, "/console/treasuries")

    async def look() -> str | None:
        await owing.save_seen()
        await finance.open("/console/treasuries")
        return finance.page.words if " 1,000 USDC" in finance.page.words else None

    words = await wait_until(look, "the treasury is shown as it was saved")
    assert finance.status == 200
    assert owing.address in words
    for said in ("1,500 USDC", "500 USDC since", "30 USDC gone", "none any more"):
        assert said in words, said
    assert f"since {SEEN:%Y-%m-%d %H:%M} UTC" in words
    assert "it lacks 500 USDC" in words
    assert finance.page.list_actions() == set()
