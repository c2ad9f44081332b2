"""README.md and the examples say what the package does."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from stellar_sandbox.faults.fault_plan import KINDS
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.rpc.json_rpc import METHODS
from stellar_sandbox.testing.accounts import build_genesis_document

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text()
EXAMPLES = PACKAGE / "examples"


def test_the_example_genesis_has_the_accounts_of_the_testing_module() -> None:
    path = EXAMPLES / "genesis.json"
    assert json.loads(path.read_text()) == build_genesis_document()
    Genesis.read(path)


def test_the_genesis_in_the_readme_has_the_fields_that_are_read() -> None:
    text = re.search(r"## The genesis file\n\n((?:    .*\n)+)", README)
    assert text is not None
    shown, read = json.loads(text[1]), build_genesis_document()
    assert shown.keys() == read.keys()
    assert {*shown["accounts"][0]} == {*read["accounts"][0]}


def test_the_readme_names_every_fault_and_every_method() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", README.partition("## Faults")[2], re.MULTILINE)
    assert {kind for row in rows for kind in re.findall(r"`(\w+)`", row)} == KINDS
    assert {method for method in METHODS if method in README} == set(METHODS)


def test_the_example_in_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    path = EXAMPLES / "lost_answer.py"
    body = path.read_text().partition("async def main() -> None:\n")[2].partition("\n\n\n")[0]
    assert body in README
    runpy.run_path(str(path))
    assert capsys.readouterr().out.splitlines() == ["no answer", "SUCCESS", "25000000 stroops"]
