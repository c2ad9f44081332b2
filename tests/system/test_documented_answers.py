"""
Every operation of the API answers as its document says, whoever asks: all checks of schemathesis.

SCHEMATHESIS_EXAMPLES=30 takes that many of each operation.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.conftest import KEY
from tests.testkit.access.browser import Browser, add_person, open_session
from tests.testkit.edge.documented_answers import OF_PEOPLE, SchemathesisRun, play_role
from tests.testkit.stacks import Stacks

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
# The admin's run, which asks everything, is the first one.
OTHERS = [role for role in Role if role is not Role.ADMIN]


@pytest.fixture(scope="module")
async def public_stack(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("documented")) as running:
        yield running


async def test_every_operation_answers_an_admin_as_it_is_documented(
    public_stack: Stack, seed: int, tmp_path: Path
) -> None:
    """What fits the document, what does not, every boundary, and what follows from the answers."""
    headers = {"X-API-Key": KEY}
    await SchemathesisRun(public_stack.url, seed, EXAMPLES, headers).play(tmp_path)


@pytest.mark.parametrize("role", OTHERS, ids=str)
async def test_every_operation_answers_a_role_as_it_is_documented(
    public_stack: Stack, seed: int, tmp_path: Path, role: Role
) -> None:
    async with httpx.AsyncClient(
        base_url=f"{public_stack.url}/api/v1", headers={"X-API-Key": KEY}, trust_env=False
    ) as client:
        wanted = {"name": f"of-{role}", "role": str(role)}
        if role is Role.CLAIMANT:
            party = await client.post(
                "/parties", json={"id": "north", "name": "North", "kind": "customer"}
            )
            wanted["party"] = party.json()["id"]
        given = await client.post("/api-keys", json=wanted)
    assert given.status_code == 201, given.text
    headers = {"X-API-Key": given.json()["key"]}
    await play_role(public_stack, seed, headers, tmp_path, examples=max(1, EXAMPLES // 3))


async def test_every_operation_answers_nobody_as_it_is_documented(
    public_stack: Stack, seed: int, tmp_path: Path
) -> None:
    await play_role(public_stack, seed, {}, tmp_path, examples=max(1, EXAMPLES // 3))


async def test_what_people_ask_of_themselves_is_answered_as_it_is_documented(
    public_stack: Stack, seed: int, tmp_path: Path
) -> None:
    """A key has no session and no preferences, so these operations refuse it."""
    database = Database(public_stack.environment["DATABASE_URL"], connections_max=2)
    try:
        person = await add_person(database, Role.VIEWER)
    finally:
        await database.close()
    async with Browser(f"{public_stack.url}/api/v1") as browser:
        token = (await open_session(browser, person))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    options = (f"--include-path-regex={OF_PEOPLE}", "--phases=coverage,fuzzing,stateful")
    run = SchemathesisRun(public_stack.url, seed, EXAMPLES, headers, options, "person")
    await run.play(tmp_path)
