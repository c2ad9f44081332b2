"""Whatever is wrong, the answer has one shape and a sentence for people."""

from typing import Any

import httpx
import pytest

from api.problems import STATUSES
from domain import errors

UNKNOWN: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("GET", "/outages/nothing", None, "outage 'nothing' does not exist"),
    ("PUT", "/outages/nothing", {"assigned_to": "x"}, "outage 'nothing' does not exist"),
    ("POST", "/outages/nothing/resolve", {"mttr_minutes": 1}, "outage 'nothing' does not exist"),
    ("POST", "/outages/nothing/cancel", {"reason": "x"}, "outage 'nothing' does not exist"),
    (
        "POST",
        "/sla/disputes",
        {"outage_id": "nothing", "reason": "x"},
        "outage 'nothing' does not exist",
    ),
    ("GET", "/sla/disputes/nothing", None, "dispute 'nothing' does not exist"),
    ("PATCH", "/sla/disputes/nothing", {"action": "reject"}, "dispute 'nothing' does not exist"),
    (
        "GET",
        "/nowhere",
        None,
        "no route has this path: /openapi.json lists all, and each begins with /api/v1",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "sentence"), UNKNOWN)
async def test_what_is_not_there_is_said_not_to_be_there(
    api: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, sentence: str
) -> None:
    answer = await api.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    correlation = answer.headers["x-correlation-id"]
    assert answer.json() == {
        "type": "/docs/errors#not_found",
        "title": "not found",
        "status": 404,
        "detail": sentence,
        "instance": f"/api/v1{path}",
        "correlation_id": correlation,
    }


async def test_a_method_nobody_serves_names_those_that_are(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/outages")
    assert answer.status_code == 405
    assert answer.json()["type"] == "/docs/errors#method_not_allowed"
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert answer.json()["detail"] == "this path does not take DELETE: send GET or HEAD or POST"


def test_every_refusal_has_a_status_of_its_own_kind() -> None:
    for name in dir(errors):
        each = getattr(errors, name)
        if isinstance(each, type) and issubclass(each, errors.Refused):
            assert 400 <= STATUSES[each.code] < 500, name
