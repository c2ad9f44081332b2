"""Nothing that callers rely on disappears: docs/openapi.json holds what was promised; `make openapi` renews it."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.api.openapi.api_changes import list_breaking
from tests.testkit.described_app import get_document

SNAPSHOT = Path(__file__).parents[3] / "docs/openapi.json"
OUTAGES = "/api/v1/outages"


@cache
def read_snapshot() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SNAPSHOT.read_text())
    return found


def test_no_change_breaks_a_caller() -> None:
    """Where a break is meant, `make openapi` writes the snapshot anew; say so in docs/changelog.md."""
    assert list_breaking(read_snapshot(), get_document()) == []


def get_schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def drop_route(document: dict[str, Any]) -> None:
    del document["paths"][OUTAGES]["get"]


def drop_parameter(document: dict[str, Any]) -> None:
    operation = document["paths"][OUTAGES]["get"]
    operation["parameters"] = [p for p in operation["parameters"] if p.get("name") != "severity"]


def need_parameter(document: dict[str, Any]) -> None:
    for parameter in document["paths"][OUTAGES]["get"]["parameters"]:
        parameter["required"] = True


def drop_answered_field(document: dict[str, Any]) -> None:
    del get_schema(document, "OutageView")["properties"]["site_name"]


def drop_taken_field(document: dict[str, Any]) -> None:
    del get_schema(document, "OutageBody")["properties"]["site_id"]


def need_field(document: dict[str, Any]) -> None:
    get_schema(document, "OutageBody")["required"].append("site_id")


def drop_value(document: dict[str, Any]) -> None:
    get_schema(document, "Severity")["enum"].remove("low")


def change_type(document: dict[str, Any]) -> None:
    get_schema(document, "OutageView")["properties"]["site_name"] = {"type": "integer"}


def narrow_limit(document: dict[str, Any]) -> None:
    get_schema(document, "OutageBody")["properties"]["site_name"]["maxLength"] = 3


def drop_null(document: dict[str, Any]) -> None:
    get_schema(document, "OutageBody")["properties"]["site_id"] = {"type": "string"}


def change_status(document: dict[str, Any]) -> None:
    responses = document["paths"][OUTAGES]["post"]["responses"]
    responses["202"] = responses.pop("201")


BREAKS = {
    drop_route: "GET /api/v1/outages is gone",
    drop_parameter: "GET /api/v1/outages does not take severity",
    need_parameter: "GET /api/v1/outages needs severity",
    drop_answered_field: ".site_name is gone",
    drop_taken_field: "body.site_id is gone",
    need_field: "body needs site_id",
    drop_value: "does not know low",
    change_type: "was string and is integer",
    narrow_limit: "body.site_name has maxLength 3",
    drop_null: "body.site_id is no null any more",
    change_status: "POST /api/v1/outages is not answered 201",
}


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__)
def test_a_break_is_named(change: Callable[[dict[str, Any]], None]) -> None:
    changed = deepcopy(read_snapshot())
    change(changed)
    found = list_breaking(read_snapshot(), changed)
    assert any(BREAKS[change] in sentence for sentence in found), found


def test_what_is_added_breaks_nobody() -> None:
    changed = deepcopy(read_snapshot())
    changed["paths"]["/api/v1/new"] = changed["paths"][OUTAGES]
    get_schema(changed, "OutageView")["properties"]["new"] = {"type": "string"}
    get_schema(changed, "OutageBody")["properties"]["new"] = {"type": "string"}
    get_schema(changed, "Severity")["enum"].append("none")
    changed["paths"][OUTAGES]["get"]["parameters"].append(
        {"name": "new", "in": "query", "required": False, "schema": {"type": "string"}}
    )
    assert list_breaking(read_snapshot(), changed) == []
