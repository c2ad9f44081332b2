"""
Contract mode, end to end: what is judged is said again by the SLA contract, or it is not paid.

A stack of its own, because every outage of it waits for the contract.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from stellar_sdk import Keypair, scval
from stellar_sdk.soroban_server_async import SorobanServerAsync
from temporalio.client import Client

from adapters.postgres.database import Database
from adapters.postgres.sla import execution_modes
from devstack.environment.stack import Stack
from stellar_sandbox.testing.contract_client import ContractClient
from tests.conftest import KEY
from tests.testkit import sla_vectors
from tests.testkit.access.second_person import open_second_person
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.processes.commands import run_command
from tests.testkit.stacks import Stacks
from workflows.attestations import AttestationWorkflow

SEEDS = ("bond", "pool", "channels", "fees", "operator")
DEFAULT_HASH = "1417728228875630226"


@pytest.fixture(scope="module")
async def contracted(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Everything, in contract mode."""
    mode = {"CONTRACT_EXECUTION_MODE": "soroban"}
    async with stacks.start(tmp_path_factory.mktemp("contracted"), settings=mode) as running:
        yield running


@pytest.fixture(scope="module")
async def office(contracted: Stack) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(
        base_url=f"{contracted.url}/api/v1", headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    )
    async with client:
        policy = {
            "name": AT_ONCE,
            "dispute_window_seconds": 0,
            "decision_window_seconds": 0,
            "terms": TERMS,
        }
        assert (await client.post("/sla/policies", json=policy)).status_code == 201
        policy |= {"name": "an-hour", "dispute_window_seconds": 3600, "decision_window_seconds": 60}
        assert (await client.post("/sla/policies", json=policy)).status_code == 201
        yield client


@pytest.fixture(scope="module")
async def admin(contracted: Stack) -> AsyncIterator[ContractClient]:
    """The contract's admin, over the same port as the engine."""
    seeds = json.loads((contracted.directory.path / "stellar-keys.json").read_text())["seeds"]
    environment = contracted.environment
    caller = ContractClient(
        SorobanServerAsync(node_of(contracted)),
        environment["STELLAR_SLA_CONTRACT"],
        Keypair.from_secret(seeds["admin"]),
    )
    yield caller
    await caller.close()


async def attestation(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    shown = (await api.get(f"/outages/{outage_id}")).json()["sla_status"]["attestation"]
    assert isinstance(shown, dict)
    return shown


async def steps(api: httpx.AsyncClient, outage_id: str) -> dict[str, dict[str, Any]]:
    timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    return {item["step"]: item["evidence"] for item in timeline}


async def set_high(admin: ContractClient, penalty: int) -> None:
    await admin.call(
        "set_config",
        scval.to_address(admin.source.public_key),
        scval.to_symbol("high"),
        scval.to_uint32(30),
        scval.to_int128(penalty),
        scval.to_int128(750),
    )


async def test_an_outage_is_judged_attested_and_settled(
    office: httpx.AsyncClient, contracted: Stack, admin: ContractClient
) -> None:
    closed = await settle_outage(office)
    shown = closed["sla_status"]["attestation"]
    assert shown["status"] == "attested"
    assert shown["contract_id"] == contracted.environment["STELLAR_SLA_CONTRACT"]
    assert shown["config_hash"] == DEFAULT_HASH
    assert shown["config_snapshot"] == TERMS
    assert shown["fresh"] is True
    found = await admin.server.get_transaction(shown["transaction_hash"])
    assert (found.status.value, found.ledger) == ("SUCCESS", shown["ledger"])
    kept = await admin.view("get_latest_by_outage", scval.to_symbol(shown["symbol"]))
    assert (kept["amount"], kept["mttr_minutes"]) == (-1000, 25)
    evidence = (await steps(office, closed["id"]))["sla.attested"]
    assert evidence["result"]["amount"] == "-1000"
    assert evidence["transaction_hash"] == shown["transaction_hash"]
    assert closed["payment"]["amount"] == 1000
    database = Database(contracted.environment["DATABASE_URL"])
    async with database.autocommit() as connection:
        assert await execution_modes.requires_attestation(
            connection
        )  # as the worker said when it started
    await database.close()


async def test_attestations_of_many_outages_take_turns(
    office: httpx.AsyncClient, admin: ContractClient
) -> None:
    names = [await declare_outage(office, policy=AT_ONCE) for _ in range(6)]
    for minutes, name in enumerate(names):
        await resolve_outage(office, name, 1 + minutes * 9)
    hashes = set()
    for name in names:
        await wait_for_lifecycle(office, name, "closed", 60)
        hashes.add((await attestation(office, name))["transaction_hash"])
    assert len(hashes) == len(names)


async def test_a_worker_killed_over_and_over_asks_once_and_pays_once(
    office: httpx.AsyncClient, contracted: Stack, admin: ContractClient
) -> None:
    before = (await admin.view("get_stats"))["total_calculations"]
    names = [await declare_outage(office, policy=AT_ONCE) for _ in range(8)]
    for name in names:
        await resolve_outage(office, name)
    for _ in range(3):
        await asyncio.sleep(0.7)  # wherever it is just then
        known = contracted.restarts.get("settlement-worker", 0)
        contracted.kill("settlement-worker")

        async def back(known: int = known) -> bool:
            return contracted.restarts.get("settlement-worker", 0) > known

        await wait_until(back, "the worker is back")
    for name in names:
        await wait_for_lifecycle(office, name, "closed", 90)
    assert (await admin.view("get_stats"))["total_calculations"] == before + len(names)
    moved = Counter(str(t.number) for t in await chain_history.list_transfers(node_of(contracted)))
    assert max(moved.values()) == 1
    for name in names:
        listed = (await office.get("/payments", params={"outage_id": name})).json()["items"]
        assert [moved[payment["number"]] for payment in listed] == [1]


def node_of(stack: Stack) -> str:
    return stack.environment["STELLAR_RPC_URL"].split(",")[0]


async def test_a_new_revision_is_attested_under_a_name_of_its_own(
    office: httpx.AsyncClient,
) -> None:
    name = await declare_outage(office, policy="an-hour")
    judged = await resolve_outage(office, name)
    assert judged["sla"]["attestation"]["symbol"].startswith("o")
    first = (await attestation(office, name))["symbol"]
    filed = await office.post("/sla/disputes", json={"outage_id": name, "reason": "I object"})
    decision = {"action": "resolve", "mttr_minutes": 5}
    async with await open_second_person(office) as decider:
        ruled = await decider.patch(f"/sla/disputes/{filed.json()['id']}", json=decision)
    assert ruled.status_code == 200, ruled.text
    closed = await wait_for_lifecycle(office, name, "closed", 60)
    verdict = closed["sla_status"]
    assert (verdict["revision"], verdict["amount"]) == (2, 1500)
    assert verdict["attestation"]["status"] == "attested"
    assert verdict["attestation"]["symbol"] != first


async def test_a_verdict_that_the_contract_denies_is_not_paid_until_the_terms_agree(
    office: httpx.AsyncClient, contracted: Stack, admin: ContractClient
) -> None:
    await set_high(admin, 51)
    name = await declare_outage(office, policy=AT_ONCE, severity="high")
    await resolve_outage(office, name, 40)

    async def halted() -> dict[str, Any] | None:
        shown = await attestation(office, name)
        return shown if shown["status"] == "halted" else None

    problem = (await wait_until(halted, "the outage is halted"))["problem"]
    assert problem.startswith("parity error: amount_stroops is -5100000000 there and -5000000000 h")
    assert "terms of high" in problem
    listed = await office.get("/payments", params={"outage_id": name})
    assert listed.json()["items"] == []
    assert (await steps(office, name))["sla.halted"]["problem"] == problem
    events = (await office.get("/events", params={"limit": 1000})).json()["items"]
    reported = [item for item in events if item["type"] == "attestation.halted"]
    assert [item["data"]["outage_id"] for item in reported] == [name]
    temporal = await Client.connect(contracted.environment["TEMPORAL_ADDRESS"])
    handle: Any = temporal.get_workflow_handle(f"outage/{name}")

    async def noted() -> bool:
        timeline = await handle.query("timeline")
        return timeline[-1]["what"] == f"nothing is paid: {problem}"

    await wait_until(noted, "operators see why")

    await set_high(admin, 50)
    await temporal.get_workflow_handle(f"attestation/{name}/1").signal(AttestationWorkflow.retry)
    closed = await wait_for_lifecycle(office, name, "closed", 60)
    assert closed["sla_status"]["attestation"]["status"] == "attested"
    assert closed["sla_status"]["attestation"]["problem"] is None
    assert closed["sla_status"]["amount"] == -500


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"STELLAR_SLA_CONTRACT": ""}, "soroban and STELLAR_SLA_CONTRACT is not set"),
        (
            {"STELLAR_OPERATOR_SEED": Keypair.random().secret},
            "STELLAR_OPERATOR_SEED is the seed of",
        ),
    ],
)
async def test_a_worker_refuses_to_start_with_a_contract_that_does_not_fit(
    contracted: Stack, changes: dict[str, str], sentence: str
) -> None:
    """And says in a sentence what is wrong, without any part of a seed."""
    seeds = json.loads((contracted.directory.path / "stellar-keys.json").read_text())["seeds"]
    named = {f"STELLAR_{each.upper()}_SEED": seeds[each] for each in SEEDS}
    given = os.environ | contracted.environment | named
    given |= {"CONTRACT_EXECUTION_MODE": "soroban"} | changes
    start = partial(run_command, "worker", "--queues", "settlement", environment=given)
    ended = await asyncio.to_thread(start)
    assert ended.returncode == 1
    assert "Cannot go on: " in ended.stderr
    assert sentence in ended.stderr
    assert not any(seed in ended.stdout + ended.stderr for seed in named.values())


async def test_published_calculations_are_the_same_over_the_port(admin: ContractClient) -> None:
    published = [
        vector for vector in sla_vectors.list_vectors("compute") if vector["kind"] == "default"
    ]
    for vector in published[::7]:
        arguments = [scval.to_symbol("A"), scval.to_symbol(vector["severity"])]
        minutes = scval.to_uint32(vector["mttr_minutes"])
        found = await admin.view("calculate_sla_view", *arguments, minutes)
        assert {name: str(found[name]) for name in vector["expected"]} == {
            name: str(value) for name, value in vector["expected"].items()
        }


async def test_a_paused_contract_is_waited_for(
    office: httpx.AsyncClient, admin: ContractClient
) -> None:
    me = scval.to_address(admin.source.public_key)
    await admin.call("pause", me, scval.to_string("an audit"))
    name = await declare_outage(office, policy=AT_ONCE)
    await resolve_outage(office, name)
    assert (await attestation(office, name))["status"] == "pending"
    await admin.call("unpause", me)
    await wait_for_lifecycle(office, name, "closed", 90)
