"""An activity that runs twice writes an outage, its parts and their verdicts once."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.sla import verdicts
from adapters.postgres.sla.agreements.agreements import add_agreement
from adapters.postgres.sla.agreements.versions import add_version
from devstack.environment.stack import Stack
from domain.errors import Conflict
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.versions import AgreementVersion, Coverage
from domain.sla.outages import (
    Cancellation,
    CancelOutageInput,
    Declaration,
    JudgeOutageInput,
    Outage,
    RecordOutageInput,
    Resolution,
)
from domain.sla.verdicts import Severity
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import ASKER, DETECTED, NOW

NAMES = ("north", "south", "west")


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A database with three agreements that cover the same site, each with a provider of its own."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            for name in NAMES:
                terms = Agreement(name, "GBOND", "GPOOL", f"GPROVIDER{name}", "GC", f"party-{name}")
                await add_agreement(connection, terms)
                version = AgreementVersion(name, 2, DETECTED, coverage=Coverage(["TWR"]))
                await add_version(connection, version, "a test")
        yield database


async def count_rows(database: Database, prefix: str) -> list[int]:
    """Count outages, verdicts, audit entries and events of an outage and its parts."""
    async with database.autocommit() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM outages WHERE id LIKE %(p)s),"
            " (SELECT count(*) FROM sla_results WHERE outage_id LIKE %(p)s),"
            " (SELECT count(*) FROM audit_entries WHERE subject LIKE 'outage/' || %(p)s),"
            " (SELECT count(*) FROM events WHERE outage_id LIKE %(p)s)",
            {"p": f"{prefix}%"},
        )
        return list(rows.one())


def declare(outage_id: str) -> RecordOutageInput:
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED, site_id="TWR")
    return RecordOutageInput(Declaration(outage, ASKER, "standard", "default"), NOW)


async def test_what_runs_twice_is_written_once(scratch: Database) -> None:
    outage_id, activities = make_unique_id("PARTS"), OutageActivitiesImpl(scratch, "sandbox")
    first = await activities.record_outage(declare(outage_id))
    again = await activities.record_outage(declare(outage_id))
    assert (first.created, again.created) == (True, False)
    assert first.parts == again.parts
    assert [part.agreement for part in first.parts] == ["south", "west"]
    assert await count_rows(scratch, outage_id) == [3, 0, 3, 3]
    ended = Resolution(ASKER, DETECTED + timedelta(minutes=5))
    judging = JudgeOutageInput(outage_id, ended, 60, NOW, "the key")
    judged = [await activities.judge_outage(judging) for _ in range(2)]
    assert judged[0] == judged[1]
    assert await count_rows(scratch, outage_id) == [3, 3, 6, 9]
    async with scratch.autocommit() as connection:
        for part in first.parts:
            (verdict,) = await verdicts.list_by_outage(connection, part.id)
            assert verdict.payment_id != judged[0].payment.id
    assert judged[0].payment.to_address == "GPROVIDERnorth"


async def test_a_part_is_cancelled_with_its_outage_and_not_alone(scratch: Database) -> None:
    outage_id, activities = make_unique_id("PARTS"), OutageActivitiesImpl(scratch, "sandbox")
    parts = (await activities.record_outage(declare(outage_id))).parts
    why = Cancellation(ASKER, "a drill")
    with pytest.raises(Conflict, match="change that one"):
        await activities.cancel_outage(CancelOutageInput(parts[0].id, why, NOW))
    for _ in range(2):
        await activities.cancel_outage(CancelOutageInput(outage_id, why, NOW))
    assert await count_rows(scratch, outage_id) == [3, 0, 6, 6]
    for part in parts:
        state = await activities.read_outage_state(part.id)
        assert (state.status, state.version) == ("cancelled", 2)
