"""However a file is cut into pieces, its rows are the same: those that Python's own readers find in the whole."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.requests import Request
from domain.sla.bulk.row_streams import ImportFormat, RowStream
from domain.sla.bulk.source_rows import ROW_MAX, SourceRow
from domain.sla.imports import COLUMNS, NEEDED, parse_row

HEAD = ",".join(NEEDED)
# What makes CSV difficult: quotes, separators, both line ends, and more than one byte a letter.
CELLS = st.text(st.sampled_from('ab",;\r\n \u00e4\u20ac\U0001f600\ufeff'), max_size=12)
VALUES = st.one_of(CELLS, st.none(), st.integers(), st.lists(CELLS, max_size=3))
OBJECTS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=6), max_size=8)


def cut(content: bytes, places: list[int]) -> Iterator[bytes]:
    begin = 0
    for end in [*sorted(place % (len(content) + 1) for place in places), len(content)]:
        yield content[begin:end]
        begin = end


def read(form: ImportFormat, pieces: Iterator[bytes] | list[bytes]) -> list[SourceRow]:
    stream = RowStream(form, COLUMNS)
    rows = [row for piece in pieces for row in stream.feed(piece)]
    return [*rows, *stream.finish()]


def refuse(form: ImportFormat, content: bytes, size: int = 7) -> str:
    with pytest.raises(Invalid) as refused:
        read(form, [content[at : at + size] for at in range(0, len(content), size)])
    return str(refused.value)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    st.sampled_from(["\r\n", "\n"]),
    st.lists(st.integers(0, 2**20), max_size=20),
    st.booleans(),
)
def test_csv_in_any_pieces_is_what_pythons_reader_finds(
    rows: list[tuple[str, str, str]], end: str, places: list[int], marked: bool
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([NEEDED, *rows])
    content = written.getvalue().encode("utf-8-sig" if marked else "utf-8")
    found = read(ImportFormat.CSV, cut(content, places))
    whole = csv.DictReader(io.StringIO(written.getvalue(), newline=""), strict=True)
    assert [row.cells for row in found] == [row for row in whole if any(row.values())]
    assert [row.number for row in found] == list(range(1, len(found) + 1))


@given(st.text('ab",\r\n', max_size=60), st.lists(st.integers(0, 2**20), max_size=20))
def test_csv_that_no_writer_wrote_is_read_or_refused_as_by_pythons_reader(
    text: str, places: list[int]
) -> None:
    text = f"{HEAD}\n{text}"
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
        expected = [
            {name: value for name, value in row.items() if value is not None}
            for row in rows
            # Of cells beyond the columns there is a list.
            if any(any(value) if isinstance(value, list) else value for value in row.values())
        ]
    except csv.Error:
        with pytest.raises(Invalid, match="is not CSV: line"):
            read(ImportFormat.CSV, cut(text.encode(), places))
    else:
        found = read(ImportFormat.CSV, cut(text.encode(), places))
        assert [dict(row.cells) for row in found] == expected


@given(OBJECTS, st.sampled_from([None, 1]), st.lists(st.integers(0, 2**20), max_size=20))
def test_json_in_any_pieces_has_the_objects_of_the_array(
    objects: list[dict[str, Any]], indent: int | None, places: list[int]
) -> None:
    text = json.dumps(objects, indent=indent, ensure_ascii=bool(indent))
    found = read(ImportFormat.JSON, cut(text.encode(), places))
    assert [row.cells for row in found] == objects
    if indent:
        lines = text.split("\n")
        assert all(lines[row.line - 1].lstrip().startswith("{") for row in found)


@given(OBJECTS, st.lists(st.integers(0, 2**20), max_size=20), st.booleans())
def test_ndjson_in_any_pieces_has_an_object_a_line(
    objects: list[dict[str, Any]], places: list[int], ended: bool
) -> None:
    text = "\n\n".join(map(json.dumps, objects)) + ("\r\n" if ended else "")
    found = read(ImportFormat.NDJSON, cut(text.encode(), places))
    assert [row.cells for row in found] == objects
    assert [row.line for row in found] == list(range(1, 2 * len(objects), 2))


def test_a_row_is_found_by_the_line_where_it_begins() -> None:
    content = f'{HEAD}\nsvc,"2026-01-31\nT12:00:00Z",\n\nsvc,x,\n'.encode()
    assert [row.line for row in read(ImportFormat.CSV, [content])] == [2, 5]


def test_a_line_of_ndjson_that_is_no_object_keeps_no_other_out() -> None:
    content = b'{"id": "a"}\n[1]\n{"id": \n{"id": "b"}'
    good, *bad, last = read(ImportFormat.NDJSON, [content])
    assert (good.cells, last.cells) == ({"id": "a"}, {"id": "b"})
    assert [(row.line, bool(row.problem)) for row in bad] == [(2, True), (3, True)]


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (ImportFormat.JSON, b'[{"id": "a", "amount": 1, "amount": 9}, {"id": "b"}]'),
        (ImportFormat.NDJSON, b'{"id": "a", "amount": 1, "amount": 9}\n{"id": "b"}'),
    ],
)
def test_an_object_that_says_a_field_twice_is_a_wrong_row(
    form: ImportFormat, content: bytes
) -> None:
    (first, second) = read(form, [content])
    assert not second.problem
    with pytest.raises(Invalid, match="amount: is in the row more than once"):
        parse_row(1, first.cells, Request("a", "b"), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("form", "content", "sentence"),
    [
        (ImportFormat.CSV, b"", "lacks the columns service_id"),
        (ImportFormat.CSV, b"service_id,start_time\na,b\n", "lacks the columns end_time"),
        (ImportFormat.CSV, f"{HEAD},id,id\n".encode(), "has two columns of one name"),
        (ImportFormat.CSV, f"{HEAD},severty\n".encode(), "must be written 'severity'"),
        (ImportFormat.CSV, f",{HEAD}\n0,a,b,c\n".encode(), "a column without a name, number 1"),
        (ImportFormat.CSV, f"{HEAD},,\na,b,c,,\n".encode(), "a column without a name, number 4"),
        (ImportFormat.CSV, f'{HEAD}\na,"b'.encode(), "is not CSV: line 2"),
        (
            ImportFormat.CSV,
            f"{HEAD}\nab\xff".encode("latin-1"),
            "is not text in UTF-8: see byte 33",
        ),
        (ImportFormat.CSV, f"{HEAD}\n\xe4".encode()[:-1], "is not text in UTF-8: see byte 31"),
        (ImportFormat.JSON, b"", "it ends in the middle"),
        (ImportFormat.JSON, b'{"id": "a"}', "must be a JSON array of objects: see line 1"),
        (ImportFormat.JSON, b'[\n{"id": "a"},\n5]', "must be a JSON array of objects: see line 3"),
        (ImportFormat.JSON, b'[{"id": "a"}] x', "must be a JSON array of objects"),
        (ImportFormat.JSON, b'[{"id": "a"}', "it ends in the middle"),
        (ImportFormat.JSON, b'[{"id": "a"},\n{"id"}]', "see the row at line 2"),
        (ImportFormat.JSON, b'[{"Severity": "low"}]', "must be written 'severity'"),
        (ImportFormat.JSON, b"[" + b'{"a":' * 100_000, "see the row at line 1"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_place(
    form: ImportFormat, content: bytes, sentence: str
) -> None:
    assert sentence in refuse(form, content)
    assert sentence in refuse(form, content, 10**9)


@pytest.mark.parametrize(
    ("form", "begin"),
    [(ImportFormat.CSV, f'{HEAD}\n"'), (ImportFormat.JSON, '[{"id": "'), (ImportFormat.NDJSON, "")],
)
def test_a_row_without_an_end_does_not_stay_in_memory(form: ImportFormat, begin: str) -> None:
    stream, read = RowStream(form, COLUMNS), 0
    pieces = [begin.encode(), *[b"a" * 65_536] * (ROW_MAX // 65_536 + 2)]
    with pytest.raises(Invalid, match="line"):
        read = sum(len(list(stream.feed(piece))) for piece in pieces)
    assert read == 0
