"""Keys are shown once, narrowed, listed, rotated with an overlap, and revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.people import Person
from tests.testkit.api_client import build_outage, make_unique_id, wait_until


async def give(api: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    body = {"name": make_unique_id("bot").lower(), "role": "operator"} | said
    answer = await api.post("/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    given: dict[str, Any] = answer.json()
    return given


async def try_key(api: httpx.AsyncClient, key: str, path: str = "/outages") -> int:
    return (await api.get(path, headers={"X-API-Key": key})).status_code


async def test_a_key_is_shown_once_and_kept_as_a_digest(
    api: httpx.AsyncClient, database: Database
) -> None:
    given = await give(api)
    assert given["key"].startswith("apx_")
    assert await try_key(api, given["key"]) == 200
    listed = (await api.get("/api-keys", params={"page_size": 200})).json()["items"]
    (shown,) = [each for each in listed if each["id"] == given["id"]]
    assert "key" not in shown
    assert shown["last_used_at"] is not None
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"key/{given['name']}")
        kept = await connection.scalar(
            text("SELECT api_keys::text FROM api_keys WHERE id = :id"), {"id": given["id"]}
        )
    assert [each["action"] for each in entries] == ["key.given"]
    secret = given["key"].split("_")[2]
    assert secret not in str(entries)
    assert secret not in str(kept)
    # It was mistyped, which is seen without asking anybody.
    assert await try_key(api, given["key"][:-1] + ("0" if given["key"][-1] != "0" else "1")) == 401


async def test_scopes_narrow_a_key(api: httpx.AsyncClient) -> None:
    given = await give(api, scopes=["outages:read", "jobs:read"])
    assert await try_key(api, given["key"]) == 200
    headers = {"X-API-Key": given["key"]}
    refused = await api.post("/outages", json=build_outage(), headers=headers)
    assert refused.status_code == 403
    assert "not among the scopes of your API key" in refused.json()["detail"]
    assert await try_key(api, given["key"], "/people") == 403
    narrowed = await give(api, role="admin", scopes=["keys:manage"])
    body = {"name": "escaped", "role": "admin"}
    headers = {"X-API-Key": narrowed["key"]}
    assert (await api.post("/api-keys", json=body, headers=headers)).status_code == 403


async def test_a_scope_beyond_the_role_is_refused(api: httpx.AsyncClient) -> None:
    body = {"name": "beyond", "role": "operator", "scopes": ["outages:read", "people:manage"]}
    refused = await api.post("/api-keys", json=body)
    assert refused.status_code == 422
    sentence = refused.json()["detail"]
    assert "people:manage is beyond the role operator" in sentence
    # It names what the role has, and nothing else.
    assert "outages:declare" in sentence
    assert "webhooks:manage" not in sentence
    listed = (await api.get("/api-keys", params={"page_size": 200})).json()["items"]
    assert "beyond" not in {each["name"] for each in listed}


async def test_a_key_with_scopes_gives_nobody_more_than_it_has(
    api: httpx.AsyncClient, person: Person
) -> None:
    narrowed = await give(api, role="admin", scopes=["people:manage"])
    headers = {"X-API-Key": narrowed["key"]}
    said = {"email": f"{make_unique_id('x')}@example.com", "password": "secure123", "role": "admin"}
    path, refused = f"/people/{person.email}", "a key with scopes gives no accounts and no roles"
    for answer in (
        await api.post("/people", json=said, headers=headers),
        await api.patch(path, json={"role": "admin"}, headers=headers),
        await api.patch(path, json={"role": "admin", "status": "disabled"}, headers=headers),
        await api.patch(path, json={"status": "active"}, headers=headers),
    ):
        assert (answer.status_code, answer.json()["detail"][:47]) == (403, refused[:47])
    locked_out = await api.patch(path, json={"status": "disabled"}, headers=headers)
    assert (locked_out.status_code, locked_out.json()["role"]) == (200, person.role)


async def test_a_key_that_may_declare_does_not_say_that_an_outage_has_ended(
    api: httpx.AsyncClient,
) -> None:
    """Whoever states the minutes to repair states what is paid: that is a permission of its own."""
    narrowed = await give(api, scopes=["outages:declare"])
    headers = {"X-API-Key": narrowed["key"]}
    wanted = build_outage()
    ended = wanted | {"status": "resolved", "mttr_minutes": 1}
    refused = await api.post("/outages", json=ended, headers=headers)
    assert (refused.status_code, "outages:resolve" in refused.json()["detail"]) == (403, True)
    assert (await api.get(f"/outages/{wanted['id']}")).status_code == 404
    start, end = wanted["detected_at"], "2026-01-31T12:25:00Z"
    rows = f"service_id,start_time,end_time,id\nsvc,{start},{end},{wanted['id']}\n".encode()
    files = {"file": ("a.csv", rows, "text/csv")}
    refused = await api.post("/outages/bulk", files=files, headers=headers)
    assert (refused.status_code, "outages:resolve" in refused.json()["detail"]) == (403, True)
    assert (await api.get(f"/outages/{wanted['id']}")).status_code == 404
    job = await api.post("/imports", files=files, headers=headers)
    assert (job.status_code, job.json()["parameters"]["resolves"]) == (202, False)
    assert (await api.post("/outages", json=wanted, headers=headers)).status_code == 201


async def test_a_revoked_key_opens_nothing(api: httpx.AsyncClient) -> None:
    given = await give(api)
    assert await try_key(api, given["key"]) == 200
    revoked = await api.delete(f"/api-keys/{given['id']}")
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] is not None
    assert await try_key(api, given["key"]) == 401
    assert (await api.delete(f"/api-keys/{given['id']}")).json() == revoked.json()
    again = await api.post(f"/api-keys/{given['id']}/rotate", json={})
    assert again.status_code == 409
    assert (await api.delete("/api-keys/key_none")).status_code == 404


async def test_a_rotated_key_has_an_overlap(api: httpx.AsyncClient, database: Database) -> None:
    old = await give(api, scopes=["outages:read"])
    answer = await api.post(f"/api-keys/{old['id']}/rotate", json={"overlap_hours": 1})
    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    assert [await try_key(api, each["key"]) for each in (old, new)] == [200, 200]
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE api_keys SET expires_at = now() WHERE id = :id"), {"id": old["id"]}
        )

    async def ended() -> bool:
        return await try_key(api, old["key"]) == 401

    await wait_until(ended, "the old key ends", 10)
    assert await try_key(api, new["key"]) == 200


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Ada"},
        # Who that is in the audit trail is known.
        {"name": "engine"},
        {"role": "root"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires_at": (datetime.now(UTC) - timedelta(days=1)).isoformat()},
        {"email": "nobody"},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, said: dict[str, Any]
) -> None:
    body = {"name": "bot", "role": "operator"} | said
    assert (await api.post("/api-keys", json=body)).status_code == 422


async def test_a_persons_key_acts_in_their_name(
    api: httpx.AsyncClient, person: Person, database: Database
) -> None:
    given = await give(api, email=person.email)
    outage, headers = build_outage(), {"X-API-Key": given["key"]}
    assert (await api.post("/outages", json=outage, headers=headers)).status_code == 201
    trail = (await api.get(f"/outages/{outage['id']}/timeline")).json()["items"]
    assert {each["actor"] for each in trail} == {person.email}
    assert (
        await api.patch(f"/people/{person.email}", json={"status": "disabled"})
    ).status_code == 200
    assert await try_key(api, given["key"]) == 401
