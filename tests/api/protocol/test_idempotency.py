"""`Idempotency-Key`: one effect for each key of each caller, however often it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.permissions import Role
from domain.requests import CLAIM_LASTS, KEPT, make_idempotency_claim
from services.access.idempotency.claim_key import claim_key
from services.access.idempotency.purge_keys import purge_keys
from tests.testkit.api_client import build_outage, declare_outage, make_unique_id

OTHER = "key-of-another-admin-0001"
HOOK = {"url": "http://127.0.0.1:9/", "events": ["outage.created"]}


@pytest.fixture
def key() -> str:
    return make_unique_id("key")


@pytest.fixture
async def other(api: httpx.AsyncClient, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Another admin."""
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "other-admin", Role.ADMIN, OTHER)
    headers = {"X-API-Key": OTHER}
    async with httpx.AsyncClient(base_url=api.base_url, headers=headers, trust_env=False) as client:
        yield client


async def subscribe(client: httpx.AsyncClient, key: str, **changes: object) -> httpx.Response:
    return await client.post("/webhooks", json=HOOK | changes, headers={"Idempotency-Key": key})


async def count(database: Database, statement: str, **values: object) -> int:
    async with database.autocommit() as connection:
        return int(await connection.scalar(text(statement), values) or 0)


async def test_a_repeat_is_answered_the_same_secret_and_changes_nothing(
    api: httpx.AsyncClient, database: Database, key: str
) -> None:
    """Seen: one key made two subscriptions."""
    first, again = await subscribe(api, key), await subscribe(api, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert first.json()["secret"].startswith("whsec_")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    made = "SELECT count(*) FROM audit_entries WHERE subject = :subject"
    assert await count(database, made, subject=f"webhook/{first.json()['id']}") == 1
    await api.delete(f"/webhooks/{first.json()['id']}")


async def test_other_content_under_the_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    made = await subscribe(api, key)
    refused = [
        await subscribe(api, key, events=["outage.closed"]),
        await api.delete(f"/webhooks/{made.json()['id']}", headers={"Idempotency-Key": key}),
    ]
    for answer in refused:
        assert answer.status_code == 422
        assert answer.json()["type"] == "/docs/errors#idempotency_key_reused"
    gone = await api.delete(f"/webhooks/{made.json()['id']}")
    assert gone.status_code == 204, "the refused delete deleted nothing"


async def test_the_key_of_another_caller_is_another_key(
    api: httpx.AsyncClient, other: httpx.AsyncClient, key: str
) -> None:
    """Seen: one caller was given what another one was answered."""
    mine, theirs = await subscribe(api, key), await subscribe(other, key)
    assert theirs.status_code == 201
    assert theirs.json()["secret"] != mine.json()["secret"]
    for answer in (mine, theirs):
        await api.delete(f"/webhooks/{answer.json()['id']}")


async def test_an_answer_without_a_body_is_repeated_as_well(
    api: httpx.AsyncClient, key: str
) -> None:
    made = await subscribe(api, make_unique_id("key"))
    path, headers = f"/webhooks/{made.json()['id']}", {"Idempotency-Key": key}
    answers = [await api.delete(path, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert (await api.delete(path)).status_code == 404


async def test_a_refusal_is_not_kept(api: httpx.AsyncClient, key: str) -> None:
    """It has changed nothing: the key is free for what was meant."""
    refused = await subscribe(api, key, url="ftp://127.0.0.1/")
    assert refused.status_code == 422
    made = await subscribe(api, key)
    assert made.status_code == 201
    await api.delete(f"/webhooks/{made.json()['id']}")


async def test_twenty_at_once_have_one_effect_and_one_answer(
    api: httpx.AsyncClient, database: Database, key: str
) -> None:
    async def ask() -> httpx.Response:
        while (answer := await subscribe(api, key)).status_code == 409:
            assert answer.json()["type"] == "/docs/errors#request_in_flight"
            assert answer.headers["Retry-After"] == "1"
            await asyncio.sleep(0.05)
        return answer

    answers = await asyncio.gather(*(ask() for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["secret"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    await api.delete(f"/webhooks/{answers[0].json()['id']}")


async def test_a_command_to_a_workflow_is_answered_once_more(
    api: httpx.AsyncClient, key: str
) -> None:
    outage_id = await declare_outage(api)
    command = {"json": {"resolved_at": "2026-01-31T12:25:00Z"}, "headers": {"Idempotency-Key": key}}
    first = await api.post(f"/outages/{outage_id}/resolve", **command)
    assert first.status_code == 200, first.text
    again = await api.post(f"/outages/{outage_id}/resolve", **command)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_declaration_repeated_is_answered_201_again(
    api: httpx.AsyncClient, key: str
) -> None:
    outage, headers = build_outage(), {"Idempotency-Key": key}
    first = await api.post("/outages", json=outage, headers=headers)
    again = await api.post("/outages", json=outage, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (await api.post("/outages", json=outage)).status_code == 200


@pytest.mark.parametrize("key", ["", "k" * 201, "a\tb"])
async def test_a_key_that_is_none_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await subscribe(api, key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_what_is_kept_of_an_answer_cannot_be_read_without_the_key(
    api: httpx.AsyncClient, database: Database, key: str
) -> None:
    made = (await subscribe(api, key)).json()
    async with database.autocommit() as connection:
        bodies = list(await connection.scalars(text("SELECT body FROM idempotency_keys")))
    assert bodies
    assert all(made["secret"].encode() not in (body or b"") for body in bodies)
    await api.delete(f"/webhooks/{made['id']}")


async def test_a_key_whose_holder_died_goes_to_who_asks_again(database: Database, key: str) -> None:
    began = datetime.now(UTC)
    claims = [make_idempotency_claim("somebody", key, b"same", holder, began) for holder in "abc"]
    assert await claim_key(database, claims[0], began) is None
    with pytest.raises(Exception, match="being carried out"):
        await claim_key(database, claims[1], began + CLAIM_LASTS - timedelta(seconds=1))
    assert await claim_key(database, claims[2], began + CLAIM_LASTS) is None


async def test_a_key_is_forgotten_after_thirty_days(database: Database, key: str) -> None:
    began = datetime.now(UTC) - KEPT
    claim = make_idempotency_claim("somebody", key, b"first", "a", began)
    assert await claim_key(database, claim, began) is None
    found = "SELECT count(*) FROM idempotency_keys WHERE key_digest = :digest"
    await purge_keys(database, began + KEPT - timedelta(seconds=1))
    assert await count(database, found, digest=claim.key_digest) == 1
    await purge_keys(database, began + KEPT)
    assert await count(database, found, digest=claim.key_digest) == 0
