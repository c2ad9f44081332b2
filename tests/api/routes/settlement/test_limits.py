"""
Where an amount, or what becomes one, enters over HTTP: anything but plain whole numbers is refused
by the name of its field, and leaves no trace; nothing is published, approved or signed.
"""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import func, select
from stellar_sdk import Keypair

from adapters.postgres.database import Database
from adapters.postgres.tables import (
    approvals,
    audit_entries,
    payouts,
    policies,
    wallets,
)
from adapters.postgres.tables import wallet_challenges as challenges
from tests.testkit.api_client import TERMS, declare_outage, make_unique_id

# As JSON, written out: what Python would tidy up is sent as it is.
CROOKED = [
    *("1e3", "1E3", "NaN", "Infinity", "-Infinity", "1.5", "100.0", "100.00000001", "true", "null"),
    *('"100"', '"1e3"', '"NaN"', '"\u0661\u0662"', '" 100"', '"1_000"', '"+100"', "[100]", "{}"),
    *("0", "-100", "9223372036854775808", "1" + "0" * 400),
]
# JSON has one kind of number, and these are whole.
WHOLE = {"0", "100.0", "1e3", "1E3"}

# Lower case, cut short, too long, a letter exchanged, blanks, other kinds of key, other alphabets.
# Not drawn: the ids of the tests are made of it, and all workers must collect the same.
GOOD = Keypair.from_raw_ed25519_seed(bytes(31) + b"\x07").public_key
NO_ADDRESS = [
    *(GOOD.lower(), GOOD[:-1], GOOD + "A", GOOD[:-1] + ("B" if GOOD[-1] == "A" else "A")),
    *(f" {GOOD}", f"{GOOD} ", f"{GOOD}\n", GOOD[:28] + " " + GOOD[29:], "G" + "0" * 55, "GABC"),
    *("M" + "A" * 68, "C" + "A" * 55, "T" + "A" * 55, "X" + "A" * 55, "P" + "A" * 68),
    *("\u0413" + GOOD[1:], "\uff27" + GOOD[1:], "G" * 56, "null", "0", "x" * 101),
]


async def traces(database: Database) -> list[int | None]:
    """Count what a request could have written; payments of other tests go on meanwhile, by the engine."""
    by_callers = func.convert_from(audit_entries.c.content, "UTF8").not_like('%"actor":"engine"%')
    async with database.autocommit() as connection:
        return [
            await connection.scalar(
                select(func.count()).select_from(audit_entries).where(by_callers)
            ),
            *[
                await connection.scalar(select(func.count()).select_from(table))
                for table in (policies, approvals, wallets, payouts, challenges)
            ],
        ]


async def refused(
    api: httpx.AsyncClient,
    database: Database,
    path: str,
    content: str,
    field: str,
    method: str = "POST",
) -> None:
    before = await traces(database)
    headers = {"content-type": "application/json"}
    answer = await api.request(method, path, content=content.encode(), headers=headers)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert any(error["field"].endswith(field) for error in problem["errors"]), problem
    assert field in problem["detail"]
    assert await traces(database) == before


@pytest.mark.parametrize("crooked", CROOKED, ids=lambda text: ascii(text)[:24])
@pytest.mark.parametrize("field", ["threshold_minutes", "penalty_per_minute", "reward_base"])
async def test_the_terms_of_a_policy_are_whole_numbers(
    api: httpx.AsyncClient, database: Database, crooked: str, field: str
) -> None:
    terms: dict[str, Any] = json.loads(json.dumps(TERMS))
    terms["critical"][field] = "CROOKED"
    body = json.dumps({"name": make_unique_id("crooked").lower(), "terms": terms})
    content = body.replace('"CROOKED"', crooked)
    await refused(api, database, "/sla/policies", content, field)


@pytest.mark.parametrize("crooked", sorted(set(CROOKED) - {"0"}), ids=lambda text: ascii(text)[:24])
@pytest.mark.parametrize("field", ["dispute_window_seconds", "decision_window_seconds"])
async def test_the_windows_of_a_policy_are_whole_seconds(
    api: httpx.AsyncClient, database: Database, crooked: str, field: str
) -> None:
    body = {"name": make_unique_id("crooked").lower(), "terms": TERMS, field: "CROOKED"}
    content = json.dumps(body).replace('"CROOKED"', crooked)
    await refused(api, database, "/sla/policies", content, field)


@pytest.mark.parametrize(
    "crooked",
    sorted(set(CROOKED) - {"0", "1e3", "1E3", "1.5", "100.0", "100.00000001"}),
    ids=lambda text: ascii(text)[:24],
)
async def test_minutes_to_ask_about_are_a_number(
    api: httpx.AsyncClient, database: Database, crooked: str
) -> None:
    """Fractions are: a form sends them, and nothing is written."""
    content = f'{{"severity": "critical", "mttr_minutes": {crooked}}}'
    await refused(api, database, "/sla/preview", content, "mttr_minutes")


@pytest.mark.parametrize("wrong", NO_ADDRESS, ids=lambda text: ascii(text)[:24])
async def test_what_is_no_address_goes_nowhere(
    api: httpx.AsyncClient, database: Database, wrong: str
) -> None:
    body, payouts_of = json.dumps({"address": wrong}), "/agreements/default/payouts/provider"
    await refused(api, database, "/wallets", body, "address")
    await refused(api, database, payouts_of, body, "address", "PUT")
    before, there = await traces(database), f"/wallets/{quote(wrong, safe='')}"
    # Read, it may as well be the id of a user, who has no wallet.
    assert (await api.get(there)).status_code in (404, 422)
    for method, path in (
        ("POST", f"{there}/challenges"),
        ("POST", f"{there}/proofs"),
        ("POST", f"{there}/fund"),
    ):
        answer = await api.request(method, path, json={"transaction_xdr": "A"})
        assert answer.status_code == 422, (method, path, answer.text)
        assert "address" in answer.json()["detail"]
    assert await traces(database) == before


@pytest.mark.parametrize(
    "crooked", sorted(set(CROOKED) - WHOLE - {"null"}), ids=lambda t: ascii(t)[:24]
)
async def test_the_minutes_of_a_decision_are_a_whole_number(
    api: httpx.AsyncClient, database: Database, crooked: str
) -> None:
    content = f'{{"action": "resolve", "mttr_minutes": {crooked}}}'
    await refused(api, database, "/sla/disputes/dsp_0", content, "mttr_minutes", "PATCH")


@pytest.mark.parametrize(
    "crooked", sorted(set(CROOKED) - WHOLE - {"null"}), ids=lambda t: ascii(t)[:24]
)
async def test_stated_minutes_are_a_whole_number(
    api: httpx.AsyncClient, database: Database, crooked: str
) -> None:
    outage_id = await declare_outage(api)
    content = f'{{"mttr_minutes": {crooked}}}'
    await refused(api, database, f"/outages/{outage_id}/resolve", content, "mttr_minutes")
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "declared"


@pytest.mark.parametrize(
    "body", [{"amount": 5}, {"note": 5}, {"note": "x" * 301}, {"note": "\x00"}]
)
async def test_an_approval_says_nothing_of_an_amount(
    api: httpx.AsyncClient, database: Database, body: dict[str, Any]
) -> None:
    field = next(iter(body))
    await refused(api, database, "/payments/pay_0/approvals", json.dumps(body), field)


async def test_what_is_not_there_is_not_approved(api: httpx.AsyncClient) -> None:
    for answer in (
        await api.post("/payments/pay_0/approvals", json={}),
        await api.get("/payments/pay_0/approvals"),
        await api.delete("/payments/pay_0/approvals"),
    ):
        assert answer.status_code == 404
        assert answer.json()["detail"] == "payment 'pay_0' does not exist"


async def test_a_local_engine_has_wide_limits_and_no_none(api: httpx.AsyncClient) -> None:
    shown = (await api.get("/payments/limits")).json()
    caps = ("cap_per_payment", "approval_above", "cap_per_day", "cap_per_payee_per_day")
    assert [shown[cap]["amount"] for cap in caps] == [10**6, 10**6, 10**9, 10**9]
    assert (await api.get("/payments/approvals")).json()["items"] == []
