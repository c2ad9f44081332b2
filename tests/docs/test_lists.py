"""Decisions, commands, make targets, findings and layers: what is listed exists, and what exists is listed."""

import hashlib
import os
import re
from pathlib import Path

from cli.main import find_commands
from tests.docs.test_docs import read_document

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_decision_is_listed() -> None:
    pages = {path.name for path in (DOCS / "decisions").glob("0*.md")}
    listed = set(re.findall(r"\((0\d{3}-[a-z-]+\.md)\)", read_document("docs/decisions/README.md")))
    assert pages == listed
    for page in sorted(pages):
        text = read_document(f"docs/decisions/{page}")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(page[:4])
        dated = re.search(r"^Date: (\d{4}-\d\d-\d\d)\nStatus: (.+)$", text, re.MULTILINE)
        assert dated, f"{page} has no date and status"
        assert re.fullmatch(r"accepted|open|superseded by \d{4}", dated[2]), page
        row = f"| [{title}]({page}) | {dated[1]} | {dated[2]} |"
        assert row in read_document("docs/decisions/README.md"), row
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Cost"))


def test_every_command_of_the_readme_exists_and_every_command_is_there() -> None:
    readme = read_document("README.md")
    assert set(re.findall(r"^\| `apexchainx ([a-z-]+)", readme, re.MULTILINE)) == set(
        find_commands()
    )
    targets = set(re.findall(r"^([a-z-]+):.*##", read_document("Makefile"), re.MULTILINE)) - {
        "help"
    }
    assert set(re.findall(r"^\| `make ([a-z-]+)`", readme, re.MULTILINE)) == targets


def test_the_architecture_names_every_workflow_and_every_layer() -> None:
    text = read_document("docs/architecture.md")
    defined = {
        name
        for path in (ROOT / "workflows").rglob("*.py")
        for name in re.findall(r"^@workflow\.defn\nclass (\w+)", path.read_text(), re.MULTILINE)
    }
    assert defined
    assert set(re.findall(r"`(\w+Workflow)`", text)) == defined
    layers = set(re.findall(r"^(\w+)/ ", text, re.MULTILINE))
    code = {each.parent.name for each in ROOT.glob("*/__init__.py")}
    assert layers == code | {"packages", "tests", "findings"}


def test_every_make_target_that_a_document_or_a_hook_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read_document("Makefile"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", ".ci/run"):
        assert (
            set(re.findall(r"(?:`|entry: |^)make ([a-z-]+)", read_document(name), re.MULTILINE))
            <= targets
        )


def test_every_finding_is_listed_and_can_be_run() -> None:
    scripts = {path.name for path in (ROOT / "findings").glob("*.sh")}
    assert (
        set(
            re.findall(
                r"^\| \[[^]]+\]\(([^)]+)\)", read_document("findings/README.md"), re.MULTILINE
            )
        )
        == scripts
    )
    for name in scripts:
        text = read_document(f"findings/{name}")
        assert re.search(r"^# Software: \S+ \d+\.\d+", text, re.MULTILINE), name
        assert re.search(r"pip install .*==", text), f"{name} pins nothing"
        assert os.access(ROOT / "findings" / name, os.X_OK), name


def test_the_license_is_the_whole_text_that_is_claimed() -> None:
    whole = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256(read_document("LICENSE").encode()).hexdigest() == whole
