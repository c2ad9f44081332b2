"""Anybody can check an access token by the key set, also while the key is changed."""

import asyncio
import base64
import json
from functools import partial

import httpx
from nacl.signing import VerifyKey
from sqlalchemy import text

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.people import Person
from tests.testkit.access.browser import Browser, open_session
from tests.testkit.processes.commands import run_command


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def read_keys(api: httpx.AsyncClient) -> dict[str, str]:
    answer = await api.get("/.well-known/jwks.json", headers={"X-API-Key": ""})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=300"
    for key in answer.json()["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == (
            "OKP",
            "Ed25519",
            "EdDSA",
            "sig",
        )
        assert "d" not in key
    return {key["kid"]: key["x"] for key in answer.json()["keys"]}


async def test_a_token_is_checked_by_the_published_key(
    api: httpx.AsyncClient, browser: Browser, person: Person
) -> None:
    token = (await open_session(browser, person))["access_token"]
    head, body, signature = token.split(".")
    header, payload = json.loads(decode(head)), json.loads(decode(body))
    assert header["alg"] == "EdDSA"
    keys = await read_keys(api)
    VerifyKey(decode(keys[header["kid"]])).verify(f"{head}.{body}".encode(), decode(signature))
    assert (payload["sub"], payload["role"]) == (person.id, "operator")
    assert payload["exp"] - payload["iat"] == 600
    root = await api.get(str(api.base_url.copy_with(path="/.well-known/jwks.json")))
    assert {key["kid"] for key in root.json()["keys"]} == set(keys)


async def test_a_changed_token_is_refused(browser: Browser, other: Browser, person: Person) -> None:
    token = (await open_session(browser, person))["access_token"]
    head, body, signature = token.split(".")
    payload = json.loads(decode(body)) | {"role": "admin"}
    forged = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    for wrong in (f"{head}.{forged}.{signature}", f"{none}.{body}.", f"{head}.{body}.AAAA"):
        headers = {"Authorization": f"Bearer {wrong}"}
        assert (await other.get("auth/me", headers=headers)).status_code == 401


async def test_the_key_is_rotated_and_old_tokens_stay_good(
    api: httpx.AsyncClient,
    browser: Browser,
    other: Browser,
    person: Person,
    stack: Stack,
    database: Database,
) -> None:
    before = (await open_session(browser, person))["access_token"]
    command = partial(run_command, environment=stack.environment | {"PATH": ""})
    run = await asyncio.to_thread(command, "cli.main", "tokens", "rotate")
    assert run.returncode == 0, run.stderr
    made = run.stdout.split()[0]
    async with database.autocommit() as connection:
        rows = await connection.execute(
            text("SELECT id, signs_from - created_at AS wait, shown_until FROM signing_keys")
        )
        kept = {row.id: row for row in rows}
    assert kept[made].wait.total_seconds() == 300
    assert kept[made].shown_until is None
    old = json.loads(decode(before.split(".")[0]))["kid"]
    assert kept[old].shown_until is not None
    headers = {"Authorization": f"Bearer {before}"}
    assert (await other.get("auth/me", headers=headers)).status_code == 200
    after = (await open_session(browser, person))["access_token"]
    assert json.loads(decode(after.split(".")[0]))["kid"] == old
