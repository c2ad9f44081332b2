"""What is to become of a file survives as JSON; what is wrong with it is a table that is safe to open."""

import csv
import io

import pytest

from domain.errors import Invalid
from domain.jobs.file_imports import ImportProgress
from domain.sla.bulk.import_plans import (
    ImportMode,
    ImportPlan,
    ImportRule,
    find_format,
)
from domain.sla.bulk.problem_files import FileProblem, render_header, render_problems
from domain.sla.bulk.row_streams import ImportFormat
from domain.sla.bulk.source_rows import SourceRow


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [
        ("a.csv", "", ImportFormat.CSV),
        ("A.JSON", "application/octet-stream", ImportFormat.JSON),
        ("a.jsonl", "", ImportFormat.NDJSON),
        ("a.csv", "application/x-ndjson", ImportFormat.NDJSON),
        ("unnamed", "Text/CSV; charset=utf-8", ImportFormat.CSV),
    ],
)
def test_a_content_type_says_more_than_a_name(name: str, kind: str, form: ImportFormat) -> None:
    assert find_format(name, kind) is form


def test_a_file_of_no_known_format_is_refused() -> None:
    with pytest.raises(Invalid, match="must be CSV, JSON or NDJSON"):
        find_format("outages.xlsx", "application/vnd.ms-excel")


def test_a_plan_and_its_progress_are_what_they_were() -> None:
    plan = ImportPlan(
        *("a.csv", ImportFormat.CSV, ImportMode.BACKFILL, ImportRule.ATOMIC, True, "p", "g")
    )
    assert ImportPlan.parse(plan.to_json() | {"size": 5}) == plan
    progress = ImportProgress(False, 7).add(1, 2, 3).add(1, 2, 3)
    assert ImportProgress(**progress.to_json()) == progress == ImportProgress(False, 7, 2, 4, 6)


def test_no_cell_of_the_problems_is_one_that_a_spreadsheet_would_run() -> None:
    problem = FileProblem(SourceRow(3, 5, {}), "=cmd()", '@SUM(A1), "said" somebody')
    table = (render_header() + render_problems([problem])).decode()
    head, row = csv.reader(io.StringIO(table, newline=""))
    assert head == ["row", "line", "field", "message"]
    assert row == ["3", "5", "'=cmd()", '\'@SUM(A1), "said" somebody']
