"""A message of thousands of alerts: it takes few statements, and others are answered while it is taken."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from domain.requests import Request
from domain.sla.intake.formats.alertmanager import read_alertmanager
from services.sla.intake.receive_alerts import (
    WRITTEN_AT_ONCE,
    ReceiveAlerts,
    ReceivedAlerts,
    receive_alerts,
)
from tests.services.sla.test_round_trips import count_round_trips
from tests.testkit.sla.alert_factory import make_alert, make_alert_message
from tests.testkit.sla.source_client import make_source_client

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
ASKED = Request("tests", "corr-large")
# Reading what is known, the message, its source and who was heard; and so much for each part that is written.
ALWAYS, EACH_PART = 12, 3


@pytest.fixture
async def source(api: httpx.AsyncClient) -> str:
    return (await make_source_client(api)).name


def make_command(source: str, alerts: int, ended_at: datetime | None = None) -> ReceiveAlerts:
    shown = [make_alert(f"large-{each}", BEGAN, ended_at) for each in range(alerts)]
    content = make_alert_message(*shown)
    return ReceiveAlerts(
        source,
        json.dumps(content).encode(),
        read_alertmanager(content),
        "standard",
        "default",
        None,
        ASKED,
        # Due in an hour: by then the workers of the stack have nothing to take.
        datetime.now(UTC) + timedelta(hours=1),
    )


async def leave_alone(database: Database, source: str) -> None:
    """Keep the workers of the stack from declaring thousands of outages."""
    wanted = text("UPDATE intake_episodes SET due_at = NULL WHERE source = :source")
    async with database.transaction() as connection:
        await connection.execute(wanted, {"source": source})


async def test_the_statements_of_a_message_are_few_whatever_it_says(
    source: str, database: Database
) -> None:
    alerts = 4 * WRITTEN_AT_ONCE
    for ended_at in (None, BEGAN + timedelta(minutes=10)):
        command = make_command(source, alerts, ended_at)
        with count_round_trips(database) as sent:
            taken = await receive_alerts(database, command)
        await leave_alone(database, source)
        assert (taken.alerts, taken.changed, taken.asking) == (alerts, alerts, 0)
        assert len(sent) <= ALWAYS + EACH_PART * alerts // WRITTEN_AT_ONCE, sent
    async with database.autocommit() as connection:
        found = await connection.execute(
            text(
                "SELECT status, version, labels ->> 'site' = target ->> 'site' AS mapped, ended_at, count(*) AS number "
                "FROM intake_episodes WHERE source = :source GROUP BY 1, 2, 3, 4"
            ),
            {"source": source},
        )
        (row,) = found.mappings()
    expected = {"status": "ended", "version": 2, "mapped": True, "number": alerts}
    assert dict(row) == expected | {"ended_at": BEGAN + timedelta(minutes=10)}


async def test_others_are_answered_while_a_large_message_is_taken(
    source: str, database: Database
) -> None:
    """On one event loop, as in the API: whoever comes after the message is answered before it."""
    command, answered = make_command(source, 4 * WRITTEN_AT_ONCE), 0
    taking: asyncio.Task[ReceivedAlerts] = asyncio.create_task(receive_alerts(database, command))
    while not taking.done():
        async with database.autocommit() as connection:
            await connection.scalar(text("SELECT 1"))
        answered += not taking.done()
    await leave_alone(database, source)
    assert (await taking).changed == 4 * WRITTEN_AT_ONCE
    # At each of its pauses, at least.
    assert answered >= 4
