"""
Where an amount, or what becomes one, enters over HTTP: anything but plain whole numbers is refused
by the name of its field, and leaves no trace; nothing is published, approved or signed.
"""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from adapters.postgres.database import Database
from adapters.postgres.tables import approvals, audit_leaves, envelopes, policies
from tests.support import TERMS, declare, unique

# As JSON, written out: what Python would tidy up is sent as it is.
CROOKED = [
    *("1e3", "1E3", "NaN", "Infinity", "-Infinity", "1.5", "100.0", "100.00000001", "true", "null"),
    *('"100"', '"1e3"', '"NaN"', '"\u0661\u0662"', '" 100"', '"1_000"', '"+100"', "[100]", "{}"),
    *("0", "-100", "9223372036854775808", "1" + "0" * 400),
]


async def traces(database: Database) -> list[int | None]:
    """Count what a request could have written."""
    async with database.autocommit() as connection:
        return [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (policies, audit_leaves, approvals, envelopes)
        ]


async def refused(
    api: httpx.AsyncClient, database: Database, path: str, content: str, field: str
) -> None:
    before = await traces(database)
    headers = {"content-type": "application/json"}
    answer = await api.post(path, content=content.encode(), headers=headers)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert any(error["field"].endswith(field) for error in problem["errors"]), problem
    assert field in problem["detail"]
    assert await traces(database) == before


@pytest.mark.parametrize("crooked", CROOKED, ids=lambda text: ascii(text)[:24])
@pytest.mark.parametrize("field", ["threshold_minutes", "penalty_per_minute", "reward_base"])
async def test_the_terms_of_a_promise_are_whole_numbers(
    api: httpx.AsyncClient, database: Database, crooked: str, field: str
) -> None:
    terms: dict[str, Any] = json.loads(json.dumps(TERMS))
    terms["critical"][field] = "CROOKED"
    body = json.dumps({"name": unique("crooked").lower(), "terms": terms})
    content = body.replace('"CROOKED"', crooked)
    await refused(api, database, "/sla/policies", content, field)


@pytest.mark.parametrize(
    "crooked", [each for each in CROOKED if each not in ("0", "null")], ids=lambda t: ascii(t)[:24]
)
async def test_stated_minutes_are_a_whole_number(
    api: httpx.AsyncClient, database: Database, crooked: str
) -> None:
    outage_id = await declare(api)
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
        assert answer.json()["detail"] == "there is no payment 'pay_0'"


async def test_without_limits_nothing_is_limited(api: httpx.AsyncClient) -> None:
    shown = (await api.get("/payments/limits")).json()
    caps = ("cap_per_payment", "cap_per_day", "cap_per_payee_per_day", "approval_above")
    assert [shown[cap] for cap in caps] == [None] * 4
    assert (await api.get("/payments/approvals")).json()["items"] == []
