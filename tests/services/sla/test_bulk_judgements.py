"""Outages that are judged together stand as if each had been judged alone: the same verdicts, evidence, events and money."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from adapters.postgres.sla.agreements.versions import add_version
from adapters.postgres.tables import (
    audit_entries,
    balances,
    entries,
    events,
    outages,
    postings,
    sla_results,
)
from devstack.environment.stack import Stack
from domain.errors import IllegalTransition
from domain.requests import Request
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
from services.sla.judgements.judge_outages import EndedOutage, judge_outages_within
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.judge_outage import judge_outage
from services.sla.outages.record_outage import record_outage
from tests.testkit import stacks

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
BY = Request("importer", "corr-bulk")
# Of each row what anybody is shown of it, and not when or in which transaction it was written.
UNLIKE = {"xid", "sequence", "changed_at", "posted_at", "trace"}
TABLES = (outages, sla_results, audit_entries, events, entries, postings, balances)


@pytest.fixture
async def pair(stack: Stack) -> AsyncIterator[tuple[Database, Database]]:
    """Two databases in which the same outages are on record."""
    async with AsyncExitStack() as opened:
        url = stack.environment["DATABASE_URL"]
        first, second = [
            await opened.enter_async_context(stacks.open_scratch_database(url)) for _ in range(2)
        ]
        for database in (first, second):
            await fill(database)
        yield first, second


async def fill(database: Database) -> None:
    async with database.transaction() as connection:
        for name, site in (("north", "s1"), ("south", "s1"), ("west", "s2")):
            await add_agreement(connection, Agreement(name, "GB", "GP", f"GPROVIDER{name}", "GC"))
            covered = Coverage([site], [])
            version = AgreementVersion(name, 2, BEGIN, None, None, covered)
            await add_version(connection, version, "a test")
    for number, severity in enumerate([*Severity] * 3):
        outage = Outage(
            f"bulk-{number}", "site", severity, BEGIN, site_id=[None, "s1", "s2"][number % 3]
        )
        declaration = Declaration(outage, BY, "standard", "default")
        await record_outage(database, RecordOutageInput(declaration, BEGIN))


def list_ended() -> list[EndedOutage]:
    """Ends measured and stated, before the threshold and after it."""
    minutes = (1, 5, 30, 90, 600)
    ended = [
        EndedOutage(
            f"bulk-{n}",
            Resolution(BY, BEGIN + timedelta(minutes=minutes[n % 5]), None, f"cause {n}"),
            f"key-{n}",
        )
        for n in range(12)
    ]
    ended[3] = replace(ended[3], resolution=Resolution(BY, None, 20, None, "stated"))
    return ended


async def read_all(database: Database) -> dict[str, list[dict[str, Any]]]:
    found = {}
    async with database.autocommit() as connection:
        for table in TABLES:
            shown = [each for each in table.columns if each.name not in UNLIKE]
            rows = (await connection.execute(select(*shown))).mappings().all()
            found[table.name] = sorted(map(dict, rows), key=str)
    return found


async def judge_together(database: Database) -> dict[str, Any]:
    async with database.transaction() as connection:
        judged, refused = await judge_outages_within(connection, list_ended(), NOW, "sandbox")
    assert refused == {}
    return judged


async def test_many_are_judged_as_each_would_be_alone(pair: tuple[Database, Database]) -> None:
    together, alone = pair
    judged = await judge_together(together)
    results = {}
    for each in list_ended():
        window = 86_400  # of the standard policy
        asked = JudgeOutageInput(each.outage_id, each.resolution, window, NOW, each.key)
        result = await judge_outage(alone, asked, "sandbox", requires_attestation=False)
        results[each.outage_id] = result
    assert {id_: judged[id_] for id_ in results} == results
    ours, theirs = await read_all(together), await read_all(alone)
    for name, rows in theirs.items():
        assert ours[name] == rows, name
    # Twelve outages, and for each of the four at the first site a part under a further agreement.
    assert len(ours["sla_results"]) == len(judged) == 16
    assert {row["outage_sequence"] for row in ours["events"]} == {1, 2, 3}
    async with together.transaction() as connection:
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
    again = await judge_together(together)
    assert (again, await read_all(together)) == ({}, ours)


async def test_where_one_is_refused_none_is_judged(pair: tuple[Database, Database]) -> None:
    database, _ = pair
    await cancel_outage(database, CancelOutageInput("bulk-5", Cancellation(BY, "none"), NOW))
    before = await read_all(database)
    async with database.transaction() as connection:
        judged, refused = await judge_outages_within(connection, list_ended(), NOW, "sandbox")
    assert (judged, list(refused)) == ({}, ["bulk-5"])
    assert isinstance(refused["bulk-5"], IllegalTransition)
    assert await read_all(database) == before
