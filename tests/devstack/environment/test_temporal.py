"""A real Temporal server: durable, with our search attributes, and with a memory of ninety days."""

import json
from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.environment import temporal
from devstack.environment.temporal import Temporal
from devstack.processes import ports
from devstack.processes.readiness import request
from devstack.processes.supervisor import Supervisor
from tests.devstack.conftest import Eventually


@pytest.fixture
async def server(tmp_path: Path, supervisor: Supervisor) -> Temporal:
    each = Temporal(tmp_path, ports.free(), ports.free(), ports.free(), ports.free())
    await supervisor.start(each.program())
    await each.keep_history()
    return each


async def _namespace(server: Temporal) -> dict[str, dict[str, object]]:
    status, body = await request("GET", server.http_port, "/api/v1/namespaces/default")
    assert status == 200
    found: dict[str, dict[str, object]] = json.loads(body)
    return found


async def test_it_serves_clients_and_the_web_ui(server: Temporal) -> None:
    client = await Client.connect(server.address)
    assert [each async for each in client.list_workflows()] == []
    status, body = await request("GET", server.ui_port, "/")
    assert status == 200
    assert b"<html" in body


async def test_it_remembers_for_ninety_days_and_knows_our_attributes(server: Temporal) -> None:
    config = (await _namespace(server))["config"]
    assert config["workflowExecutionRetentionTtl"] == "7776000s"
    aliases = config["customSearchAttributeAliases"]
    assert isinstance(aliases, dict)
    assert set(aliases.values()) == set(temporal.SEARCH_ATTRIBUTES)


async def test_a_kill_loses_nothing(
    server: Temporal, supervisor: Supervisor, reported: list[str], eventually: Eventually
) -> None:
    client = await Client.connect(server.address)
    await client.start_workflow("Anything", id="kept", task_queue="nobody")
    supervisor.kill("temporal")

    async def back() -> bool:
        return "temporal serves again" in reported

    await eventually(back)
    again = await Client.connect(server.address)
    assert (await again.get_workflow_handle("kept").describe()).id == "kept"
    assert (await _namespace(server))["config"]["workflowExecutionRetentionTtl"] == "7776000s"


async def test_a_first_start_that_was_killed_is_begun_again(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    # What a kill in the middle leaves: a file, and no tables in it.
    (tmp_path / "temporal.db").touch()
    server = Temporal(tmp_path, ports.free(), ports.free(), ports.free(), ports.free())
    await supervisor.start(server.program())
    await server.keep_history()
    assert (await _namespace(server))["config"]["workflowExecutionRetentionTtl"] == "7776000s"


def test_time_is_skipped_only_when_asked(tmp_path: Path) -> None:
    plain = " ".join(Temporal(tmp_path, 1, 2, 3, 4).program().command)
    skipping = " ".join(Temporal(tmp_path, 1, 2, 3, 4, time_skipping=True).program().command)
    assert "TimeSkipping" not in plain
    for key in temporal.TIME_SKIPPING:
        assert f"{key}=true" in skipping


def test_the_version_is_the_tool_s_own() -> None:
    assert temporal.read_version().count(".") == 2
