"""An outage is on record once it is declared, whether or not its workflow was started."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters import temporal as temporal_server
from adapters.postgres.database import Database
from api import commands
from api.dependencies import Engine
from devstack.processes.ports import LOOPBACK, free
from domain.requests import Request
from domain.sla.outages import Declaration, Outage, RecordOutageInput
from domain.sla.verdicts import Severity
from services.sla.outages.record_outage import record_outage
from tests.testkit.api_client import AT_ONCE, make_unique_id, resolve_outage, wait_for_lifecycle
from worker.recovery import relay
from worker.recovery.recovery import MISSING, Lost, Recovery

BY = Request("a test", "lost-outages")
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def make_declaration() -> Declaration:
    outage = Outage(make_unique_id("LOST"), "Tower 7", Severity.CRITICAL, BEGAN, policy=AT_ONCE)
    return Declaration(outage, BY, AT_ONCE, "default")


async def find_lost(recovery: Recovery, outage_id: str) -> Lost | None:
    found = [each async for each in recovery.find_lost()]
    return next((each for each in found if each.unfinished.id == outage_id), None)


async def runs(temporal: Client, outage_id: str) -> bool:
    try:
        await temporal.get_workflow_handle(f"outage/{outage_id}").describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def test_an_outage_whose_workflow_was_never_started_is_found_and_sees_its_end(
    api: httpx.AsyncClient, database: Database, temporal: Client
) -> None:
    """As when the API dies between its commit and the start."""
    now, lost, young = datetime.now(UTC), make_declaration(), make_declaration()
    await record_outage(database, RecordOutageInput(lost, now - timedelta(minutes=1)))
    # One of a moment ago is being started.
    await record_outage(database, RecordOutageInput(young, now + timedelta(hours=1)))
    recovery = Recovery(database, temporal)
    found = await find_lost(recovery, lost.outage.id)
    assert found is not None
    assert found.ended == MISSING
    assert await find_lost(recovery, young.outage.id) is None
    assert await recovery.start(found)
    await resolve_outage(api, lost.outage.id)
    await wait_for_lifecycle(api, lost.outage.id, "closed")
    assert await find_lost(recovery, lost.outage.id) is None


async def test_the_relay_starts_within_seconds_what_was_never_started(
    api: httpx.AsyncClient,
    database: Database,
    temporal: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait until everything unfinished is gone through."""
    monkeypatch.setattr(relay, "GRACE", timedelta(0))
    began, lost = datetime.now(UTC), make_declaration()
    await record_outage(database, RecordOutageInput(lost, began - timedelta(minutes=1)))
    looking = relay.Relay(database, temporal)
    looking.since = began
    async with database.autocommit() as connection:
        await looking.look(connection)
    assert await runs(temporal, lost.outage.id)
    await resolve_outage(api, lost.outage.id)
    await wait_for_lifecycle(api, lost.outage.id, "closed")


async def test_an_outage_is_declared_while_the_workflow_server_is_away(
    api: httpx.AsyncClient, database: Database, temporal: Client
) -> None:
    away = await temporal_server.connect(f"{LOOPBACK}:{free()}", "default", lazy=True)
    engine = Engine(cast(Any, None), database, away, cast(Any, None))
    declaration, began = make_declaration(), time.monotonic()
    assert (await commands.declare(engine, declaration)).recorded.created
    assert time.monotonic() - began < 5
    assert (await api.get(f"/outages/{declaration.outage.id}")).json()["lifecycle"] == "declared"
    assert not await runs(temporal, declaration.outage.id)
    assert not (await commands.declare(engine, declaration)).recorded.created


async def test_the_workflow_of_a_declared_outage_begins_with_what_is_on_record(
    database: Database, temporal: Client
) -> None:
    """It neither records it again nor reads it, which would be most of what its start costs."""
    engine = Engine(cast(Any, None), database, temporal, cast(Any, None))
    declaration = make_declaration()
    await commands.declare(engine, declaration)
    handle: Any = temporal.get_workflow_handle(f"outage/{declaration.outage.id}")
    assert await handle.query("state") == "declared"
    events = [event async for event in handle.fetch_history_events()]
    assert not any(event.HasField("marker_recorded_event_attributes") for event in events)
