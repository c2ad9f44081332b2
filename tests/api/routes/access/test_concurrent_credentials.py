"""Credentials that several ask for at the same moment: one wins, the others are told, and nobody has what is not listed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text

from adapters.postgres.database import Database
from domain.access.api_keys import format_key, get_id
from domain.access.permissions import Role
from domain.requests import Request
from services.access.api_keys.create_key import CreateKey, create_key
from services.access.api_keys.revoke_keys import RevokeKeys, revoke_keys
from services.access.api_keys.rotate_key import RotateKey, rotate_key
from tests.testkit.api_client import make_unique_id
from tests.testkit.sla.alert_factory import make_alert_message
from tests.testkit.sla.source_client import make_source_client

ASKED = Request("tests", "corr-credentials")
AT_ONCE = 4


async def ask_at_once(
    api: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> tuple[list[httpx.Response], list[httpx.Response]]:
    """Send the same several times at once, each with a key of its own; return who won and who did not."""
    answers = await asyncio.gather(*(api.post(path, json=body) for _ in range(AT_ONCE)))
    return [each for each in answers if each.is_success], [
        each for each in answers if not each.is_success
    ]


async def count_valid(database: Database, name: str) -> int:
    wanted = text(
        "SELECT count(*) FROM api_keys WHERE name = :name AND revoked_at IS NULL "
        "AND (expires_at IS NULL OR expires_at > now())"
    )
    async with database.autocommit() as connection:
        return await connection.scalar(wanted, {"name": name}) or 0


async def test_of_four_rotations_of_one_key_one_wins(
    api: httpx.AsyncClient, database: Database
) -> None:
    body = {"name": make_unique_id("bot").lower(), "role": "operator"}
    old = (await api.post("/api-keys", json=body)).json()
    won, lost = await ask_at_once(api, f"/api-keys/{old['id']}/rotate", {})
    assert [each.status_code for each in (*won, *lost)] == [201, 409, 409, 409]
    new = won[0].json()
    for refused in lost:
        assert f"use or rotate its successor {new['id']!r}" in refused.json()["detail"]
    assert await count_valid(database, old["name"]) == 2
    listed = (await api.get("/api-keys", params={"page_size": 200})).json()["items"]
    shown = {each["id"]: each["replaced_by"] for each in listed}
    assert (shown[old["id"]], shown[new["id"]]) == (new["id"], None)
    # The chain goes on at its end, or where its end is good no more.
    path = f"/api-keys/{new['id']}"
    assert (await api.post(f"{path}/rotate", json={})).status_code == 201
    again = (await api.post("/api-keys", json=body | {"name": f"{body['name']}-2"})).json()
    lost_key = (await api.post(f"/api-keys/{again['id']}/rotate", json={})).json()
    await api.delete(f"/api-keys/{lost_key['id']}")
    assert (await api.post(f"/api-keys/{again['id']}/rotate", json={})).status_code == 201


def make_key(number: int) -> tuple[str, str]:
    key = format_key(make_unique_id("")[-8:].encode(), f"{number:032d}".encode())
    return f"key_{get_id(key)}", key


async def give(database: Database, name: str, number: int, *, replaces: bool = False) -> str:
    id_, key = make_key(number)
    at = datetime.now(UTC)
    await create_key(
        database, CreateKey(id_, name, Role.OPERATOR, key, ASKED, at, replaces=replaces)
    )
    return id_


async def test_who_revokes_every_key_of_a_name_misses_none_that_is_being_rotated(
    api: httpx.AsyncClient, database: Database
) -> None:
    for round_ in range(10):
        name, at = make_unique_id("revoked").lower(), datetime.now(UTC)
        old = await give(database, name, 2 * round_)
        new_id, new_key = make_key(2 * round_ + 1)
        await asyncio.gather(
            rotate_key(database, RotateKey(old, new_id, new_key, timedelta(1), ASKED, at)),
            revoke_keys(database, RevokeKeys(name, ASKED, at)),
            return_exceptions=True,
        )
        assert await count_valid(database, name) == 0


async def test_of_keys_that_replace_each_other_one_is_left(
    api: httpx.AsyncClient, database: Database
) -> None:
    name = make_unique_id("replaced").lower()
    await asyncio.gather(*(give(database, name, each, replaces=True) for each in range(AT_ONCE)))
    assert await count_valid(database, name) == 1


async def test_of_four_tokens_for_one_source_one_is_given_and_the_old_one_keeps_its_overlap(
    api: httpx.AsyncClient,
) -> None:
    source = await make_source_client(api)
    old = source.token
    won, lost = await ask_at_once(api, f"/intake/sources/{source.name}/secrets", {})
    assert [each.status_code for each in (*won, *lost)] == [200, 409, 409, 409]
    for refused in lost:
        assert "was replaced already" in refused.json()["detail"]
    for token in (won[0].json()["token"], old):
        source.token = token
        assert (await source.send(make_alert_message())).status_code == 200
