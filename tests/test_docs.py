"""The documents say what the code does: every setting, event, error, route and command, and no more."""

import hashlib
import json
import os
import re
import runpy
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings
from temporalio.converter import value_to_type

from adapters.settings import AnalyticsSettings, ApiSettings, SettlementSettings, WorkerSettings
from api.app import create_app
from api.problems import STATUSES
from cli.main import find_commands
from domain import errors
from domain.events import EventType
from domain.reasons import ReasonCode
from domain.settlement.payments import STOPPED
from domain.sla.disputes import DisputeDecision
from domain.sla.outages import Cancellation, Resolution, check_resolution
from domain.webhooks import encode_secret, make_headers
from tests.domain.sla.test_outages import NOW, OUTAGE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SETTINGS: list[type[BaseSettings]] = [
    ApiSettings,
    WorkerSettings,
    AnalyticsSettings,
    SettlementSettings,
]
NAMES = {name.upper() for kind in SETTINGS for name in kind.model_fields}
# Not read by a process of ours: the command line's, the tests' and the containers'.
OTHERS = {
    *("APEXCHAINX_DATA_DIR", "APEXCHAINX_URL", "APEXCHAINX_SHARED"),
    *("POSTGRES_PASSWORD", "TEMPORAL_UI_PORT"),
}


@cache
def _read(name: str) -> str:
    return (ROOT / name).read_text()


def _first_cells(name: str) -> set[str]:
    """The words in backticks at the beginning of each row of a document's tables."""
    return set(re.findall(r"^\| `([^`]+)`", _read(name), re.MULTILINE))


def _codes() -> set[str]:
    found = {getattr(each, "code", None) for each in vars(errors).values()}
    return {code for code in found if code}


def test_every_setting_is_explained() -> None:
    assert _first_cells("docs/settings.md") == NAMES | OTHERS


def test_every_setting_is_in_the_example() -> None:
    written = set(re.findall(r"^#?([A-Z_]+)=", _read(".env.example"), re.MULTILINE))
    assert written == NAMES | OTHERS


def test_the_example_gives_away_no_secret() -> None:
    for name in ("BOOTSTRAP_API_KEY", "POSTGRES_PASSWORD", "STELLAR_\\w+_SEED"):
        assert re.findall(rf"^#?{name}=(.+)$", _read(".env.example"), re.MULTILINE) == []


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_default_is_the_one_documented(kind: type[BaseSettings]) -> None:
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else field.default
        # By its text, because False equals 0.
        shown = {"None": "none", "True": "`true`", "False": "`false`", "required": "required"}.get(
            str(default)
        )
        row = f"| `{name.upper()}` | {shown or f'`{default}`'} |"
        assert row in _read("docs/settings.md"), row


def test_every_event_is_explained() -> None:
    assert _first_cells("docs/webhooks.md") == {str(each) for each in EventType}


def test_every_error_is_explained() -> None:
    of_http = {"method_not_allowed", "too_large", "http_error", "internal"}
    assert _first_cells("docs/errors.md") == _codes() | of_http


def test_every_reason_is_explained_with_the_state_it_is_of() -> None:
    section = _read("docs/operations.md").split("## Why a payment waits")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)
    assert sorted(code for code, _ in told) == sorted(ReasonCode)
    assert {state for _, state in told} == set(STOPPED)


def test_every_status_is_the_one_documented() -> None:
    for code, status in STATUSES.items():
        assert f"| `{code}` | {status} |" in _read("docs/errors.md"), code


def test_every_route_is_explained() -> None:
    paths: dict[str, dict[str, Any]] = create_app().openapi()["paths"]
    served = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in paths.items()
        for method in operations
    }
    assert _first_cells("docs/api.md") == served


def test_every_decision_is_listed() -> None:
    pages = {path.name for path in (DOCS / "decisions").glob("0*.md")}
    listed = set(re.findall(r"\((0\d{3}-[a-z-]+\.md)\)", _read("docs/decisions/README.md")))
    assert pages == listed
    for page in sorted(pages):
        text = _read(f"docs/decisions/{page}")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(page[:4])
        dated = re.search(r"^Date: (\d{4}-\d\d-\d\d)\nStatus: (.+)$", text, re.MULTILINE)
        assert dated, f"{page} has no date and status"
        assert re.fullmatch(r"accepted|superseded by \d{4}", dated[2]), page
        row = f"| [{title}]({page}) | {dated[1]} | {dated[2]} |"
        assert row in _read("docs/decisions/README.md"), row
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Cost"))


def test_every_command_of_the_readme_exists_and_every_command_is_there() -> None:
    readme = _read("README.md")
    assert set(re.findall(r"^\| `apexchainx ([a-z]+)", readme, re.MULTILINE)) == set(
        find_commands()
    )
    targets = set(re.findall(r"^([a-z-]+):.*##", _read("Makefile"), re.MULTILINE)) - {"help"}
    assert set(re.findall(r"^\| `make ([a-z-]+)`", readme, re.MULTILINE)) == targets


def _pages() -> list[Path]:
    """What a person may read: all documents, and those of the packages."""
    packages = (ROOT / "packages").glob("*/README.md")
    return [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "findings" / "README.md", *packages]


def _links(page: Path) -> list[tuple[Path, str]]:
    """Where the links of a page lead: a file of ours, and the heading in it, if they name one."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", page.read_text())
    inside = [(link, anchor) for link, anchor in found if "://" not in link]
    return [((page.parent / link if link else page).resolve(), anchor) for link, anchor in inside]


def _anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", each.lower()).replace(" ", "-") for each in headings}


def test_no_link_leads_nowhere() -> None:
    broken = [
        (str(page.relative_to(ROOT)), target.name, anchor)
        for page in _pages()
        for target, anchor in _links(page)
        if not target.exists() or (anchor and anchor not in _anchors(target))
    ]
    assert broken == []


@pytest.mark.parametrize("start", ["README.md", "docs/README.md"])
def test_every_page_can_be_reached(start: str) -> None:
    """From the README everything, and from the index every document."""
    reached: set[Path] = set()
    waiting = [ROOT / start]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in _links(page) if target.suffix == ".md"]
    assert [page for page in _pages() if page not in reached] == []


# Words that the project once used for what the field has a word for; the decisions' index translates them.
DIALECT = (
    *(r"parked", r"by hand", r"told", r"ruling", r"rides?", r"riders?", r"orphans?", r"errands?"),
    *(
        r"preparers?",
        r"insists?",
        r"inspections?",
        r"inspected",
        r"adopt(?:s|ed|ion)?",
        r"stor(?:y|ies)",
    ),
    *(
        r"(?:the|a|this|that|whole|one) book",
        r"booked",
        r"clearings?",
        r"(?:a|whole|the|each) life",
    ),
    *(
        r"(?<!circuit[ -])(?<!circuit_)breaker",
        r"(?:is|are|be|payments?) held",
        r"ledger check",
        r"apexchainx key ",
    ),
)
# They tell of the past: what was decided and what has changed, in the words of its day.
OF_THE_PAST = {DOCS / "changelog.md", *(DOCS / "decisions").glob("*.md")}
# It has a test of its own.
GLOSSARY = DOCS / "glossary.md"


@pytest.mark.parametrize(
    "page", sorted(set(_pages()) - OF_THE_PAST - {GLOSSARY}), ids=lambda page: page.name
)
def test_no_page_speaks_the_old_dialect(page: Path) -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(DIALECT)})\b", re.IGNORECASE)
    text = page.read_text()
    found = [(text[: match.start()].count("\n") + 1, match[0]) for match in pattern.finditer(text)]
    assert found == []


def test_every_make_target_that_a_document_or_a_hook_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", _read("Makefile"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", ".ci/run"):
        assert (
            set(re.findall(r"(?:`|entry: |^)make ([a-z-]+)", _read(name), re.MULTILINE)) <= targets
        )


def test_every_finding_is_listed_and_can_be_run() -> None:
    scripts = {path.name for path in (ROOT / "findings").glob("*.sh")}
    assert (
        set(re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", _read("findings/README.md"), re.MULTILINE))
        == scripts
    )
    for name in scripts:
        text = _read(f"findings/{name}")
        assert re.search(r"^# Software: \S+ \d+\.\d+", text, re.MULTILINE), name
        assert re.search(r"pip install .*==", text), f"{name} pins nothing"
        assert os.access(ROOT / "findings" / name, os.X_OK), name


def test_the_license_is_the_whole_text_that_is_claimed() -> None:
    whole = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256(_read("LICENSE").encode()).hexdigest() == whole


def _signals() -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.+?)```", _read("docs/operations.md"), re.DOTALL)
    return [json.loads(block) for block in blocks]


def test_the_signals_an_operator_copies_are_understood() -> None:
    resolve, rule, cancel = _signals()
    resolution = value_to_type(Resolution, resolve)
    check_resolution(OUTAGE, resolution, NOW.replace(year=2027))
    assert resolution.request.actor == "operator"
    decision = value_to_type(DisputeDecision, rule)
    assert (decision.upheld, decision.mttr_minutes) == (True, 8)
    assert value_to_type(Cancellation, cancel).reason == "planned work"


def test_the_verifier_a_subscriber_copies_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", _read("docs/webhooks.md"), re.DOTALL)
    copied = tmp_path / "copied.py"
    copied.write_text(code)
    genuine = runpy.run_path(str(copied))["genuine"]
    secret, now = encode_secret(bytes(32)), int(time.time())
    sent = make_headers(secret, "evt_1", now, b"{}")
    assert genuine(secret, sent, b"{}")
    assert not genuine(secret, sent, b"{ }")
    assert not genuine(secret, make_headers(secret, "evt_1", now - 400, b"{}"), b"{}")
