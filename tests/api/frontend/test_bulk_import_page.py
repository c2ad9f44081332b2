"""The calls of /bulk-import and its history: a form with one file, sent without saying how long it is."""

import json
import time
from typing import Any

import pytest

from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import IMPORT, IMPORT_RECORD, OUTAGE, check_shape

HEAD = "service_id,start_time,end_time"


def make_service() -> str:
    return f"svc-{time.time_ns()}"


async def upload(browser: Browser, text: str, name: str = "outages.csv") -> dict[str, Any]:
    answer = await browser.upload(name, text.encode())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    check_shape(found, IMPORT)
    return found


async def find(browser: Browser, service: str) -> list[dict[str, Any]]:
    """Return the outages that came from the rows of one service."""
    params = {"search": service, "page_size": 200}
    found = await browser.call("GET", "/outages", params=params)
    return list(found["items"])


async def test_the_three_columns_are_enough(browser: Browser) -> None:
    service = make_service()
    rows = (
        f"{service},2026-01-31T12:00:00Z,2026-01-31T12:25:00Z",
        f"{service},2026-02-01T12:00:00Z,",
    )
    found = await upload(browser, "\n".join((HEAD, *rows)))
    assert found == {"imported": 2, "skipped": 0, "errors": []}
    still, over = await find(browser, service)
    check_shape(over, OUTAGE)
    assert (over["status"], over["sla_status"]["mttr_minutes"]) == ("resolved", 25)
    assert (over["site_name"], over["affected_services"]) == (service, [service])
    assert (still["status"], still["severity"]) == ("open", "medium")


async def test_the_same_file_again_does_nothing(browser: Browser) -> None:
    service = make_service()
    rows = [f"{service},2026-01-31T12:0{n}:00Z,2026-01-31T13:00:00Z" for n in range(5)]
    text = "\n".join((HEAD, *rows))
    assert (await upload(browser, text))["imported"] == 5
    before = await find(browser, service)
    assert await upload(browser, text) == {"imported": 0, "skipped": 5, "errors": []}
    assert await find(browser, service) == before


async def test_a_wrong_row_is_named_and_keeps_none_of_the_others_out(browser: Browser) -> None:
    service = make_service()
    rows = (
        f"{service},2026-01-31T12:00:00Z,2026-01-31T12:25:00Z,critical",
        ",2026-01-31T12:00:00Z,2026-01-31T12:25:00Z,critical",
        f"{service},yesterday,,low",
        f"{service},2026-01-31T12:00:00,,low",
        f"{service},2026-01-31T13:00:00Z,2026-01-31T12:25:00Z,low",
        f"{service},2026-01-31T12:30:00Z,,urgent",
        f"{service},2199-01-31T12:30:00Z,,low",
        f"{service},2026-01-31T12:00:00Z,2026-01-31T12:26:00Z,low",
    )
    found = await upload(browser, "\n".join((f"{HEAD},severity", *rows)))
    assert (found["imported"], found["skipped"]) == (1, 0)
    assert [(each["row"], each["field"]) for each in found["errors"][:6]] == [
        (2, "service_id"),
        (3, "start_time"),
        (4, "start_time"),
        (5, "end_time"),
        (6, "severity"),
        (7, "start_time"),
    ]
    assert "declared before with different content" in found["errors"][6]["message"]
    (shown,) = await find(browser, service)
    assert shown["severity"] == "critical"


async def test_an_end_of_an_outage_that_was_cancelled_is_a_wrong_row(browser: Browser) -> None:
    service = make_service()
    assert (await upload(browser, f"{HEAD}\n{service},2026-01-31T12:00:00Z,"))["imported"] == 1
    (opened,) = await find(browser, service)
    await browser.call("DELETE", f"/outages/{opened['id']}")
    found = await upload(browser, f"{HEAD}\n{service},2026-01-31T12:00:00Z,2026-01-31T12:25:00Z")
    assert (found["imported"], found["skipped"]) == (0, 0)
    assert [(each["row"], each["field"]) for each in found["errors"]] == [(1, "end_time")]
    assert "which was cancelled" in found["errors"][0]["message"]


async def test_of_rows_of_one_outage_the_first_holds(browser: Browser) -> None:
    service = make_service()
    same = f"{service},2026-01-31T12:00:00Z,2026-01-31T12:25:00Z"
    others = [f"{service},2026-01-31T12:00:00Z,2026-01-31T12:{26 + n}:00Z" for n in range(20)]
    found = await upload(browser, "\n".join((HEAD, same, *others)))
    assert (found["imported"], found["skipped"]) == (1, 0)
    assert [each["row"] for each in found["errors"]] == list(range(2, 22))
    (shown,) = await find(browser, service)
    assert shown["sla_status"]["mttr_minutes"] == 25


async def test_json_is_taken_as_well(browser: Browser) -> None:
    service = make_service()
    rows = [
        {
            "service_id": service,
            "start_time": "2026-01-31T12:00:00.000Z",
            "end_time": None,
            "affected_services": ["lte", "voice"],
            "affected_subscribers": 1200,
            "region": "north",
        },
        {"service_id": service, "start_time": 7, "end_time": None},
    ]
    found = await upload(browser, json.dumps(rows), "outages.json")
    assert (found["imported"], [each["row"] for each in found["errors"]]) == (1, [2])
    (shown,) = await find(browser, service)
    assert (shown["affected_services"], shown["affected_subscribers"]) == (["lte", "voice"], 1200)


async def test_the_history_lists_each_upload(browser: Browser) -> None:
    name, service = f"{make_service()}.csv", make_service()
    await upload(browser, f"{HEAD}\n{service},2026-01-31T12:00:00Z,\nx,y,z\n", name)
    history = await browser.call("GET", "/outages/bulk/history", [IMPORT_RECORD])
    (record,) = [each for each in history if each["filename"] == name]
    assert (record["imported"], record["skipped"], record["error_count"]) == (1, 0, 1)
    assert record["errors"][0]["row"] == 2


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("outages.csv", b"", "file: lacks the columns service_id, start_time, end_time"),
        ("outages.csv", b"service_id,start_time\nx,y", "file: lacks the columns end_time"),
        ("outages.csv", b"service_id,start_time,end_time,severty\n1,2,3,low", "'severity'"),
        ("outages.csv", b"\xff\xfe", "file: is not text in UTF-8"),
        ("outages.xlsx", b"PK", "file: must be a file of CSV or JSON"),
        ("outages.json", b"{", "file: is not JSON"),
        ("outages.json", b"{}", "file: must be a JSON array of objects"),
        ("outages.json", b"[" * 100_000, "file: is not JSON"),
        ("outages.json", b"[" + b",".join([b"{}"] * 1001) + b"]", "has more than 1000 rows"),
        ("outages.csv", b"a" * (10 * 1_048_576 + 1), "file: must be at most 10485760 bytes"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    browser: Browser, name: str, content: bytes, sentence: str
) -> None:
    before = await browser.call("GET", "/outages/bulk/history")
    answer = await browser.upload(name, content)
    assert answer.status_code == 422, answer.text
    assert sentence in answer.json()["detail"]
    assert await browser.call("GET", "/outages/bulk/history") == before


async def test_what_is_larger_than_any_file_is_refused(browser: Browser) -> None:
    answer = await browser.upload("outages.csv", b"a" * (11 * 1_048_576))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"outages": []}'),
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--y--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n',
        ),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(
    browser: Browser, kind: str, body: bytes
) -> None:
    answer = await browser.client.post(
        "/outages/bulk", content=body, headers={"Content-Type": kind}
    )
    assert answer.status_code == 422, answer.text
    assert "one part named file" in answer.json()["detail"]
