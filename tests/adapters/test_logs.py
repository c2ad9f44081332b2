"""A log line has its time, level, logger, message, and the ids of the request and the payment."""

import asyncio
import json
import logging
import sys
from typing import Any

import pytest

from adapters import logs
from adapters.logs import ConsoleFormatter, JsonFormatter
from adapters.redaction import Redactor

REDACTOR = Redactor(frozenset({"planted-secret"}))


def _make_record(message: str = "paid %s", *arguments: object, **extra: Any) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"name": "activities.settlement.payments", "levelno": logging.INFO, "levelname": "INFO"}
    )
    record.msg, record.args, record.created = message, arguments, 1_800_000_000.25
    vars(record).update(extra)
    return record


def _format_line(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(JsonFormatter(REDACTOR).format(record))
    return line


def test_a_line_carries_the_bound_and_the_given_fields() -> None:
    with logs.replace_context(correlation_id="corr-1", outage_id="OUT-1"):
        logs.bind(payment_id="pay_1", outage_id=None)
        line = _format_line(_make_record("paid %s", "it", status=200))
    assert line == {
        "timestamp": "2027-01-15T08:00:00.250000Z",
        "level": "info",
        "logger": "activities.settlement.payments",
        "event": "paid it",
        "correlation_id": "corr-1",
        "outage_id": "OUT-1",
        "payment_id": "pay_1",
        "status": 200,
    }
    assert "correlation_id" not in _format_line(_make_record("later"))


def test_a_malformed_id_is_not_bound() -> None:
    with logs.replace_context(outage_id="a b\n", payment_id="x" * 101):
        assert logs.get_context() == {}


async def test_each_task_has_a_context_of_its_own() -> None:
    async def one(name: str) -> str:
        logs.bind(payment_id=name)
        await asyncio.sleep(0)
        return str(_format_line(_make_record("seen"))["payment_id"])

    with logs.replace_context(correlation_id="of-all"):
        assert await asyncio.gather(*map(one, "abc")) == ["a", "b", "c"]
        assert logs.get_context() == {"correlation_id": "of-all"}


def test_a_line_of_temporal_names_its_workflow() -> None:
    about = {"workflow_id": "attestation/OUT-1/2", "attempt": 3, "activity_type": "prepare_call"}
    line = _format_line(_make_record("failed", temporal_activity=about))
    assert line["workflow_id"] == "attestation/OUT-1/2"
    assert (line["outage_id"], line["activity"], line["attempt"]) == ("OUT-1", "prepare_call", 3)


@pytest.mark.parametrize("kind", [JsonFormatter, ConsoleFormatter])
def test_every_line_is_redacted(kind: type[JsonFormatter | ConsoleFormatter]) -> None:
    try:
        raise ValueError("with planted-secret")
    except ValueError:
        record = _make_record("planted-secret %s", "planted-secret", given="planted-secret")
        record.exc_info = sys.exc_info()
    with logs.replace_context(correlation_id="planted-secret"):
        text = kind(REDACTOR).format(record)
    assert "planted-secret" not in text
    assert "ValueError: with ***" in text
    assert text.count("***") == 6  # once in the line of source that the traceback shows


def test_a_line_for_people_reads_from_left_to_right() -> None:
    with logs.replace_context(correlation_id="corr-1"):
        text = ConsoleFormatter(REDACTOR).format(_make_record("paid %s", "it"))
    assert text == (
        "2027-01-15T08:00:00.250000Z INFO    paid it correlation_id=corr-1 "
        "logger=activities.settlement.payments"
    )
