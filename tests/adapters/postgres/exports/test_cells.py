"""PostgreSQL writes cells as the domain says, and what everybody reads CSV and JSON with gives them back."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, DateTime, Text, cast, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.database import Database
from adapters.postgres.exports.cells import write_cell
from adapters.postgres.exports.copies import stream_rows
from domain.digests import format_instant
from domain.exports.datasets import CellKind, ExportColumn, ExportFormat
from domain.exports.export_files import ExportFile
from domain.money import STROOPS_MAX, format_amount
from domain.sla.bulk.formulas import disarm_text
from tests.testkit.exports.export_reader import parse_file

# Whatever PostgreSQL can hold, and much of what is dear to spreadsheets.
LETTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
HOSTILE = st.sampled_from("=+-@＝－\t\r\n \"',;|'\\\x01\x02\x7f\u200b\ufeffa.")
TEXTS = st.lists(st.text(LETTERS | HOSTILE, max_size=12), min_size=1, max_size=200)
TYPES: dict[CellKind, Any] = {
    CellKind.TEXT: Text(),
    CellKind.AMOUNT: BigInteger(),
    CellKind.STROOPS: BigInteger(),
    CellKind.INSTANT: DateTime(timezone=True),
}
PROPERTY = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


async def write(
    database: Database, values: Sequence[Any], kind: CellKind, form: ExportFormat
) -> list[Any]:
    """Let PostgreSQL write values as the cells of a file, and return what is read of them."""
    array = cast(list(values), ARRAY(TYPES[kind]))
    given = (
        func.unnest(array)
        .table_valued(column("value", TYPES[kind]), with_ordinality="place")
        .render_derived(name="given")
    )
    cell = write_cell(given.c.value, kind, form).label("value")
    statement = select(cell).order_by(given.c.place)
    if form is not ExportFormat.CSV:
        line = statement.subquery("line")
        statement = select(func.row_to_json(line.table_valued()))
    file = ExportFile(form, [ExportColumn("value", kind)])
    content = file.begin()
    async with database.open_snapshot() as connection:
        async for block in stream_rows(connection, statement, form):
            content += file.add(block)
    content += file.end()
    assert file.size == len(content)
    assert file.rows == len(values)
    return [row["value"] for row in parse_file(content, form)]


@pytest.mark.parametrize("form", ExportFormat, ids=str)
async def test_texts_come_back_whatever_is_in_them(database: Database, form: ExportFormat) -> None:
    loop = asyncio.get_running_loop()

    @PROPERTY
    @given(TEXTS)
    def check(texts: list[str]) -> None:
        asked = asyncio.run_coroutine_threadsafe(write(database, texts, CellKind.TEXT, form), loop)
        expected = map(disarm_text, texts) if form is ExportFormat.CSV else texts
        assert asked.result(30) == list(expected)

    await asyncio.to_thread(check)


@pytest.mark.parametrize("form", ExportFormat, ids=str)
async def test_amounts_are_exact_and_negative_ones_stay_numbers(
    database: Database, form: ExportFormat
) -> None:
    stroops = [0, 1, -1, 10_000_000, -125_000_000, 12_345_678_901, STROOPS_MAX, -STROOPS_MAX]
    amounts = await write(database, stroops, CellKind.AMOUNT, form)
    assert amounts == [format_amount(each) for each in stroops]
    assert await write(database, stroops, CellKind.STROOPS, form) == [str(each) for each in stroops]


@pytest.mark.parametrize("form", ExportFormat, ids=str)
async def test_instants_are_written_the_one_way_that_payloads_have(
    database: Database, form: ExportFormat
) -> None:
    instants = [
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 59, 59, 999999, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    ]
    written = await write(database, instants, CellKind.INSTANT, form)
    assert written == [format_instant(each) for each in instants]
