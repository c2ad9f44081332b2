"""Files are read strictly, and the same row is the same outage in whatever file it comes."""

from datetime import UTC, datetime

import pytest

from domain.errors import Invalid
from domain.requests import Request
from domain.sla.imports import ImportedOutage, parse_rows, read_rows
from domain.sla.verdicts import Severity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKED = Request("operator", "corr")
ROW = {"service_id": "svc-1", "start_time": "2026-01-31T12:00:00Z", "end_time": ""}


def parse(row: dict[str, object]) -> ImportedOutage:
    found, problems = parse_rows([row], ASKED, NOW)
    assert problems == []
    return found[0]


def test_the_same_row_has_the_same_id_in_csv_and_json() -> None:
    csv = b"\xef\xbb\xbfservice_id , start_time,end_time\r\nsvc-1,2026-01-31T12:00:00Z,\r\n\r\n"
    json = b'[{"service_id": "svc-1", "start_time": "2026-01-31T13:00:00+01:00", "end_time": null}]'
    (first,), (second,) = read_rows("a.csv", csv), read_rows("b.JSON", json)
    assert parse(first).outage == parse(second).outage
    assert parse(first).resolution is None


def test_what_a_row_does_not_say_is_taken_from_the_service() -> None:
    outage = parse(dict(ROW)).outage
    assert (outage.site_name, outage.affected_services) == ("svc-1", ["svc-1"])
    assert outage.severity is Severity.MEDIUM
    said = {"site_name": "Tower 7", "affected_services": "lte; voice", "severity": "low"}
    outage = parse(ROW | said).outage
    assert (outage.site_name, outage.affected_services) == ("Tower 7", ["lte", "voice"])
    assert outage.id == parse(dict(ROW)).outage.id


def test_an_end_resolves_with_the_notes_of_its_row() -> None:
    row = ROW | {"end_time": "2026-01-31T12:25:00Z", "root_cause": "storm"}
    resolution = parse(row).resolution
    assert resolution is not None
    assert resolution.resolved_at == datetime(2026, 1, 31, 12, 25, tzinfo=UTC)
    assert (resolution.mttr_minutes, resolution.root_cause) == (None, "storm")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service_id": None}, "service_id"),
        ({"service_id": 1.5}, "service_id"),
        ({"start_time": "31.01.2026 12:00"}, "start_time"),
        ({"start_time": "0001-01-01T00:00:00+14:00"}, "start_time"),
        ({"start_time": "2026-03-02T00:00:00Z"}, "start_time"),
        ({"end_time": "2026-01-31T12:00:00Z"}, "end_time"),
        ({"severity": "CRITICAL"}, "severity"),
        ({"affected_services": ["lte", 5]}, "affected_services"),
        ({"affected_services": ["lte\x00"]}, "affected_services"),
        ({"affected_services": ["\ud800"]}, "affected_services"),
        ({"affected_subscribers": "-1"}, "affected_subscribers"),
        ({"affected_subscribers": "٣"}, "affected_subscribers"),
        ({"description": "a\x00b"}, "description"),
        ({"description": "\ud800"}, "description"),
        ({"description": "x" * 2001}, "description"),
        ({"id": "a/b"}, "id"),
        ({"": ["one cell too many"]}, "row"),
    ],
)
def test_a_wrong_row_is_named_with_its_field(change: dict[str, object], field: str) -> None:
    found, problems = parse_rows([ROW, ROW | change], ASKED, NOW)
    assert [each.row for each in found] == [1]
    assert [(each.row, each.field) for each in problems] == [(2, field)]


def test_an_unknown_column_is_none_of_ours_and_a_misspelt_one_is_refused() -> None:
    rows = read_rows("a.json", b'[{"service_id": "s", "region": "north"}]')
    assert rows == [{"service_id": "s", "region": "north"}]
    for name in ("Severity", "sevrity", "affected_service"):
        with pytest.raises(Invalid, match="it must be written"):
            read_rows("a.json", f'[{{"{name}": "low"}}]'.encode())


@pytest.mark.parametrize("content", [b"service_id,start_time,end_time,id,id\n", b'"a'])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        read_rows("a.csv", content)


@pytest.mark.parametrize("row", ["svc", "svc,2026-01-31T12:00:00Z"])
def test_a_row_that_is_cut_off_is_no_outage_that_runs(row: str) -> None:
    content = f"service_id,start_time,end_time,id\n{row}".encode()
    found, (problem,) = parse_rows(read_rows("a.csv", content), ASKED, NOW)
    assert (found, problem.row, problem.field) == ([], 1, "row")
    assert "ends before all of the columns" in problem.message


def test_a_row_may_leave_out_what_no_row_must_have() -> None:
    content = b"service_id,start_time,end_time,id\nsvc,2026-01-31T12:00:00Z,"
    found, problems = parse_rows(read_rows("a.csv", content), ASKED, NOW)
    assert (len(found), problems) == (1, [])


@pytest.mark.parametrize("count", [1.5, True, [1], "1e9", "-1"])
def test_what_is_no_whole_number_is_said_to_be_none(count: object) -> None:
    _, (problem,) = parse_rows([ROW | {"affected_subscribers": count}], ASKED, NOW)
    assert (problem.field, problem.message) == ("affected_subscribers", "must be a whole number")


def test_a_file_of_json_that_says_a_field_twice_names_its_row() -> None:
    rows = read_rows(
        "a.json", b'[{"service_id": "a", "service_id": "b"}, {"\\u0000": 1, "\\u0000": 2}]'
    )
    _, problems = parse_rows(rows, ASKED, NOW)
    assert [(each.row, each.field) for each in problems] == [(1, "service_id"), (2, "row")]
