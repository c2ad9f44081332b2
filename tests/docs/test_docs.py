"""The documents say what the code does: every setting, event, error, route and command, and no more."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from adapters.settings import (
    AnalyticsSettings,
    ApiSettings,
    SettlementSettings,
    WebhookSettings,
    WorkerSettings,
)
from api.problems import OF_HTTP
from cli.main import find_commands
from domain import errors
from domain.events import EventType
from domain.money import format_amount
from domain.reasons import ReasonCode
from domain.settlement.payments import STOPPED, PaymentStatus
from tests.docs import write_example
from tests.docs.test_pages import OF_THE_PAST, find_pages
from tests.testkit.described_app import get_document

ROOT = Path(__file__).parents[2]
SETTINGS: list[type[BaseSettings]] = [
    ApiSettings,
    WorkerSettings,
    WebhookSettings,
    AnalyticsSettings,
    SettlementSettings,
]
NAMES = {name.upper() for kind in SETTINGS for name in kind.model_fields}
OTHERS = {name for group in write_example.OTHERS.values() for name in group}


@cache
def read_document(name: str) -> str:
    return (ROOT / name).read_text()


def _first_cells(name: str) -> set[str]:
    """The words in backticks at the beginning of each row of a document's tables."""
    return set(re.findall(r"^\| `([^`]+)`", read_document(name), re.MULTILINE))


def _codes() -> set[str]:
    found = {getattr(each, "code", None) for each in vars(errors).values()}
    return {code for code in found if code}


def test_every_setting_is_explained() -> None:
    assert _first_cells("docs/settings.md") == NAMES | OTHERS


def test_the_example_is_what_the_settings_say() -> None:
    """Each with its meaning and its default."""
    assert read_document(".env.example") == write_example.render(), "run make example"


def test_every_setting_is_in_the_example() -> None:
    written = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", read_document(".env.example"), re.MULTILINE))
    assert written == NAMES | OTHERS


def test_the_example_gives_away_no_secret() -> None:
    for name in ("BOOTSTRAP_API_KEY", "POSTGRES_\\w*PASSWORD", "STELLAR_\\w+_SEED"):
        assert re.findall(rf"^#?{name}=(.+)$", read_document(".env.example"), re.MULTILINE) == []


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_default_is_the_one_documented(kind: type[BaseSettings]) -> None:
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else field.default
        if name.startswith(("settlement_cap_", "settlement_approval_")):
            default = format_amount(default)  # USDC, as it is written
        # By its text, because False equals 0.
        shown = {"None": "none", "True": "`true`", "False": "`false`", "required": "required"}.get(
            str(default)
        )
        row = f"| `{name.upper()}` | {shown or f'`{default}`'} |"
        assert row in read_document("docs/settings.md"), row


def test_every_event_is_explained() -> None:
    assert _first_cells("docs/webhooks.md") == {str(each) for each in EventType}


def test_every_error_is_explained() -> None:
    assert _first_cells("docs/errors.md") == _codes() | set(OF_HTTP.values())


def test_every_reason_is_explained_with_the_state_it_is_of() -> None:
    section = (
        read_document("docs/operations.md").split("## Why a payment waits")[1].split("\n## ")[0]
    )
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)
    assert sorted(code for code, _ in rows) == sorted(ReasonCode)
    assert {state for _, state in rows} == {*STOPPED, PaymentStatus.SUBMITTED}


def test_every_status_is_the_one_documented() -> None:
    """In docs/errors.md as in the OpenAPI document, both ways."""
    document = read_document("docs/errors.md")
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \|", document, re.MULTILINE)
    shown = {
        (code, str(example["value"]["status"]))
        for response in get_document()["components"]["responses"].values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }
    assert sorted(listed) == sorted(shown)


def test_every_route_is_explained() -> None:
    paths: dict[str, dict[str, Any]] = get_document()["paths"]
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
        for path, operations in get_document()["paths"].items()
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
        commands = set(re.findall(r"(?<![\w/.-])apexchainx ([a-z-]+)", text))
        assert commands <= set(find_commands()), name
        settings = set(re.findall(rf"\b(?:{kinds})_[A-Z_]*[A-Z]\b(?!\*|\.md)", text))
        assert settings <= NAMES | OTHERS, name
