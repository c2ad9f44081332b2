"""A file is of one moment, has a receipt when it is whole, and leaves nothing behind when it is broken off."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from sqlalchemy import text

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.exports.copies import BLOCK_BYTES
from devstack.environment.stack import Stack
from domain.errors import NotFound, Unavailable
from domain.exports.datasets import COLUMNS, Dataset, ExportFormat
from domain.exports.export_files import ExportFile
from domain.sla.listings import OutageFilter
from services.exports.read_receipt import read_receipt
from tests.testkit import stacks
from tests.testkit.api_client import wait_until
from tests.testkit.exports.export_reader import READER, open_export, parse_file, read_export

OUTAGES = 3000
INSERT = text(
    """
    INSERT INTO outages (id, status, severity, site_name, description, affected_services, detected_at,
        declared_at, fingerprint, correlation_id, agreement, agreement_version, policy, policy_version)
    SELECT :prefix || i, 'declared', 'high', 'Mast ' || i, 'before', '["radio"]',
           timestamptz '2026-01-31T12:00:00Z' + i * interval '1 s', now(), '', 'corr', 'default', 1, 'standard', 1
    FROM generate_series(1, :count) AS i
    """
)
COPYING = text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT%'"
    " AND state = 'active'"
)


@pytest.fixture(scope="module")
async def many(stack: Stack) -> AsyncIterator[Database]:
    """More outages than fit between two processes at once."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(INSERT, {"prefix": "OUT-", "count": OUTAGES})
            await connection.execute(text("UPDATE outages SET root_cause = repeat('x', 8000)"))
        yield database


async def list_actions(database: Database, export_id: str) -> list[str]:
    async with database.autocommit() as connection:
        trail = await audit.read_trail(connection, f"export/{export_id}")
    return [entry["action"] for entry in trail]


async def is_quiet(database: Database) -> bool:
    async with database.autocommit() as connection:
        return (await connection.execute(COPYING)).first() is None


@pytest.mark.parametrize("form", ExportFormat, ids=str)
async def test_what_changes_meanwhile_is_not_in_the_file(
    many: Database, form: ExportFormat
) -> None:
    pieces = open_export(many, Dataset.OUTAGES, OutageFilter(), form)
    content = await anext(pieces)
    async with many.transaction() as connection:
        await connection.execute(INSERT, {"prefix": f"NEW-{form}-", "count": 10})
        await connection.execute(text("UPDATE outages SET description = 'after'"))
        await connection.execute(text("UPDATE outages SET detected_at = now() WHERE id < 'OUT-2'"))
    content += b"".join([piece async for piece in pieces])
    rows = parse_file(content, form)
    ids = [row["id"] for row in rows if row["id"].startswith("OUT-")]
    assert len(ids) == len(set(ids)) == OUTAGES
    assert not any(row["id"].startswith(f"NEW-{form}") for row in rows)
    assert {row["description"] for row in rows} == {"before"}
    assert [row["detected_at"] for row in rows] == sorted(
        (row["detected_at"] for row in rows), reverse=True
    )
    async with many.transaction() as connection:
        await connection.execute(text("UPDATE outages SET description = 'before'"))


async def test_the_receipt_is_that_of_the_whole_file(many: Database) -> None:
    content = await read_export(many, Dataset.OUTAGES, export_id="exp_whole")
    receipt = await read_receipt(many, "exp_whole", READER.actor, None)
    file = ExportFile(ExportFormat.CSV, COLUMNS[Dataset.OUTAGES])
    file._keep(content)
    assert (receipt.complete, receipt.bytes, receipt.sha256) == (True, file.size, file.sha256)
    assert receipt.rows == len(parse_file(content))
    assert receipt.filter == {"asked": "by a test"}
    for asked_by, party in (("somebody else", None), (READER.actor, "a party")):
        with pytest.raises(NotFound):
            await read_receipt(many, "exp_whole", asked_by, party)


async def test_who_stops_reading_leaves_no_receipt_and_no_query_behind(many: Database) -> None:
    async with aclosing(open_export(many, Dataset.OUTAGES, export_id="exp_stopped")) as pieces:
        await anext(pieces)
        assert not await is_quiet(many), "the server has written all of it at once: use more rows"
    await wait_until(lambda: is_quiet(many), "the query has ended")
    assert await list_actions(many, "exp_stopped") == ["export.started"]
    receipt = await read_receipt(many, "exp_stopped", READER.actor, None)
    assert (receipt.complete, receipt.rows, receipt.sha256) == (False, None, None)


async def test_a_server_that_ends_the_query_breaks_the_file_off(many: Database) -> None:
    pieces = open_export(many, Dataset.OUTAGES, export_id="exp_cut")
    await anext(pieces)
    async with many.autocommit() as connection:
        pid = (await connection.execute(COPYING)).scalar_one()
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(Unavailable):
        [piece async for piece in pieces]
    assert await list_actions(many, "exp_cut") == ["export.started"]


async def test_nothing_leaves_before_it_is_on_record_who_asked(many: Database) -> None:
    wanted = OutageFilter(site="nowhere")
    pieces = open_export(many, Dataset.OUTAGES, wanted, export_id="exp_first")
    first = await anext(pieces)
    # All of so small a file is one piece: its receipt came before it.
    assert await list_actions(many, "exp_first") == ["export.started", "export.ended"]
    assert parse_file(first) == []
    assert [piece async for piece in pieces] == []


async def test_an_empty_file_is_a_file_in_every_format(many: Database) -> None:
    for form in ExportFormat:
        content = await read_export(many, Dataset.OUTAGES, OutageFilter(site="nowhere"), form)
        assert parse_file(content, form) == []


async def test_memory_does_not_grow_with_the_rows(many: Database) -> None:
    sizes = [len(piece) async for piece in open_export(many, Dataset.OUTAGES)]
    assert len(sizes) > 50
    assert max(sizes) < 2 * BLOCK_BYTES
