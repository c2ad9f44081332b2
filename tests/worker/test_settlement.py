"""
The worker that signs does not start on anything crooked: a missing or wrong seed, an amount that is
no plain decimal, another network. It says which variable, and never what a seed was.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from functools import partial

import httpx
import pytest
from sqlalchemy import make_url

from devstack.environment.stack import Stack
from tests.testkit.processes.commands import run_command
from tests.testkit.stacks import hold_scratch_database

# A seed of another alphabet, one that is cut short, an account, one with a letter exchanged.
WRONG_SEEDS = ["not-a-seed", "SBAD", "G" + "A" * 55]


def environment(stack: Stack, **changes: str | None) -> dict[str, str]:
    """What the stack gives its own signing worker, with changes; None leaves one out."""
    seeds = json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"]
    known = {
        f"STELLAR_{name.upper()}_SEED": seeds[name]
        for name in ("bond", "pool", "channels", "fees", "operator")
    }
    known["STELLAR_TREASURY_SEEDS"] = seeds["second_bond"]
    found: dict[str, str | None] = {**os.environ, **stack.environment, **known, **changes}
    return {name: value for name, value in found.items() if value is not None}


SIGNER = ("worker", "--queues", "settlement")


async def refusal(environment: dict[str, str], module: Sequence[str] = SIGNER) -> str:
    """Start a process of ours, and return what it said when it refused to go on."""
    command = partial(run_command, environment=environment)
    ended = await asyncio.to_thread(command, *module)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "ready" not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ["BOND", "CHANNELS"])
async def test_a_missing_seed_is_named(api: httpx.AsyncClient, stack: Stack, name: str) -> None:
    variable = f"STELLAR_{name}_SEED"
    said = await refusal(environment(stack, **{variable: None}))
    assert f"Cannot start. {variable}: field required; it is the " in said


@pytest.mark.parametrize("wrong", WRONG_SEEDS)
async def test_a_wrong_seed_is_named_and_not_shown(
    api: httpx.AsyncClient, stack: Stack, wrong: str
) -> None:
    said = await refusal(environment(stack, STELLAR_POOL_SEED=wrong))
    assert "STELLAR_POOL_SEED is not a Stellar seed (S...)" in said
    assert wrong not in said


@pytest.mark.parametrize(
    "module",
    [("api",), ("worker", "--queues", "outages,analytics"), ("worker", "--queues", "webhooks")],
)
async def test_nobody_else_starts_with_a_seed(
    api: httpx.AsyncClient, stack: Stack, module: Sequence[str]
) -> None:
    given = environment(stack)
    said = await refusal(given, module)
    for name in ("BOND_SEED", "TREASURY_SEEDS", "CHANNELS_SEED", "FEES_SEED", "OPERATOR_SEED"):
        variable = f"STELLAR_{name}"
        assert f"{variable}: this process signs nothing and must not have a seed" in said
        assert given[variable] not in said


async def test_another_network_is_refused(api: httpx.AsyncClient, stack: Stack) -> None:
    another = "Another Network ; September 2015"
    said = await refusal(environment(stack, STELLAR_NETWORK_PASSPHRASE=another))
    assert "Cannot go on: " in said
    assert f", not {another!r}; check STELLAR_RPC_URL" in said


@pytest.mark.parametrize(
    "module",
    [SIGNER, ("worker", "--queues", "webhooks"), ("api",)],
    ids=["signer", "worker", "api"],
)
async def test_a_database_that_may_forget_is_refused(
    api: httpx.AsyncClient, stack: Stack, module: Sequence[str]
) -> None:
    async with hold_scratch_database(stack.environment["DATABASE_URL"]) as url:
        given = environment(stack, DATABASE_URL=url) | {"BOOTSTRAP_API_KEY": "k" * 16}
        if module is not SIGNER:
            given = {
                name: text for name, text in given.items() if not name.endswith(("_SEED", "_SEEDS"))
            }
        said = await refusal(given, module)
    name = make_url(url).database
    assert "PostgreSQL may forget what it has committed: synchronous_commit is off" in said
    assert f'ALTER DATABASE "{name}" SET synchronous_commit = on' in said.replace('\\"', '"')


@pytest.mark.parametrize("wrong", ["1e3", "-5", "0.00000001"])
async def test_a_crooked_limit_is_refused(api: httpx.AsyncClient, stack: Stack, wrong: str) -> None:
    before = (await api.get("/payments/limits")).json()
    said = await refusal(environment(stack, SETTLEMENT_CAP_PER_DAY=wrong))
    assert f"Cannot start. SETTLEMENT_CAP_PER_DAY: '{wrong}' " in said
    assert "as a plain decimal" in said
    assert (await api.get("/payments/limits")).json() == before
