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
from devstack.replay.outage_records import sift
from domain import errors
from domain.events import EventType
from domain.reasons import ReasonCode
from domain.settlement.payments import STOPPED
from domain.sla.disputes import DisputeDecision
from domain.sla.outage_rules import check_resolution
from domain.sla.outages import Cancellation, Resolution
from domain.webhooks import encode_secret, make_headers
from tests.docs.test_pages import OF_THE_PAST, find_pages
from tests.domain.sla.test_outages import NOW, OUTAGE

ROOT = Path(__file__).parents[2]
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


def _present() -> list[tuple[str, str]]:
    """Every page of what is true today, with its text; the Stellar sandbox has routes of its own."""
    others = OF_THE_PAST | {ROOT / "packages" / "stellar-sandbox" / "README.md"}
    return [(page.name, page.read_text()) for page in find_pages() if page not in others]


def test_every_route_that_a_page_names_is_served() -> None:
    served = {
        (method.upper(), re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))))
        for path, operations in create_app().openapi()["paths"].items()
        for method in operations
    }
    unknown = [
        (name, method, path)
        for name, text in _present()
        for method, path in re.findall(
            r"\b(GET|POST|PUT|PATCH|DELETE) [\"`]?(?:\$API)?(/[\w/{}$.-]*[\w}])", text
        )
        if path not in ("/faults", "/calls")  # the Stellar sandbox's
        and not any(
            method == known and template.fullmatch("/api/v1" + path.removeprefix("/api/v1"))
            for known, template in served
        )
    ]
    assert unknown == []


def test_every_command_and_setting_that_a_page_names_exists() -> None:
    kinds = "STELLAR|SETTLEMENT|CIRCUIT_BREAKER|RECONCILIATION|INTEGRITY_CHECK|SLA|API|TEMPORAL|LOG"
    for name, text in _present():
        commands = set(re.findall(r"(?<![\w/.-])apexchainx ([a-z]+)", text))
        assert commands <= set(find_commands()), name
        settings = set(re.findall(rf"\b(?:{kinds})_[A-Z_]*[A-Z]\b(?!\*|\.md)", text))
        assert settings <= NAMES | OTHERS, name


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


def test_the_architecture_names_every_workflow_and_every_layer() -> None:
    text = _read("docs/architecture.md")
    defined = {
        name
        for path in (ROOT / "workflows").glob("*.py")
        for name in re.findall(r"^@workflow\.defn\nclass (\w+)", path.read_text(), re.MULTILINE)
    }
    assert defined
    assert set(re.findall(r"`(\w+Workflow)`", text)) == defined
    layers = set(re.findall(r"^(\w+)/ ", text, re.MULTILINE))
    code = {each.parent.name for each in ROOT.glob("*/__init__.py")}
    assert layers == code | {"packages", "tests", "findings"}


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


def test_the_record_a_person_copies_can_be_replayed() -> None:
    (block,) = re.findall(r"```json\n(.+?)```", _read("docs/how-to/replay-outages.md"), re.DOTALL)
    possible, refused = sift(json.loads(block), None, NOW.replace(year=2027))
    assert refused == []
    assert [each.outage.site_name for each in possible.values()] == ["Tower 7"]


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
