"""docs/exports.md lists every column of every dataset, in the order of the file, with its kind."""

import re
from pathlib import Path

import pytest

from domain.exports.datasets import COLUMNS, ORDERS, CellKind, Dataset, ExportFormat

DOCUMENT = (Path(__file__).parents[3] / "docs/exports.md").read_text()


def find_section(dataset: Dataset) -> str:
    return DOCUMENT.split(f"\n### {dataset}\n")[1].split("\n## ")[0].split("\n### ")[0]


@pytest.mark.parametrize("dataset", Dataset, ids=str)
def test_every_column_is_documented_in_its_place(dataset: Dataset) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| \S", find_section(dataset), re.MULTILINE)
    assert rows == [(each.name, str(each.kind)) for each in COLUMNS[dataset]]
    names = [each.name for each in COLUMNS[dataset]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dataset", Dataset, ids=str)
def test_the_order_of_the_rows_is_documented(dataset: Dataset) -> None:
    assert f"Ordered by {', '.join(f'`{name}`' for name in ORDERS[dataset])}" in find_section(
        dataset
    )
    assert {name.lstrip("-") for name in ORDERS[dataset]} <= {
        each.name for each in COLUMNS[dataset]
    }


def test_every_format_and_every_kind_is_explained() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))
    assert {str(each) for each in ExportFormat} <= rows
    assert {str(each) for each in CellKind} <= rows
