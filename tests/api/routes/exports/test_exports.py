"""Datasets as files by HTTP: the same rows as the lists, in every format, to whoever may see them."""

import hashlib
from typing import Any

import httpx
import pytest

from adapters.postgres.database import Database
from domain.access.permissions import Role
from domain.exports.datasets import COLUMNS, Dataset, ExportFormat
from domain.money import format_amount
from tests.testkit.access.two_parties import open_client, save_key
from tests.testkit.api_client import (
    declare_outage,
    make_unique_id,
    resolve_outage,
    settle_outage,
)
from tests.testkit.exports.export_reader import parse_file

HOSTILE = '=HYPERLINK("http://127.0.0.1/?q="&A1)'


@pytest.fixture(scope="module")
async def word(api: httpx.AsyncClient) -> str:
    """A word that three outages have: one that is open, one judged and disputed, one settled."""
    word = make_unique_id("word")
    await declare_outage(api, site_name=f"{word} 1", description=HOSTILE, severity="low")
    judged = await declare_outage(api, site_name=f"{word} 2", affected_services=["radio", "tv"])
    await resolve_outage(api, judged)
    said = {"outage_id": judged, "reason": '-2 minutes; it\nwas, "sooner"'}
    assert (await api.post("/sla/disputes", json=said)).status_code == 201
    await settle_outage(api, 25, site_name=f"{word} 3")
    return word


async def get_file(
    api: httpx.AsyncClient, dataset: str, form: str = "csv", **wanted: str
) -> list[dict[str, Any]]:
    answer = await api.get(f"/exports/{dataset}", params={"format": form} | wanted)
    assert answer.status_code == 200, answer.text
    return parse_file(answer.content, ExportFormat(form))


@pytest.mark.parametrize("form", ExportFormat, ids=str)
@pytest.mark.parametrize("dataset", Dataset, ids=str)
async def test_every_dataset_is_a_whole_file_in_every_format(
    api: httpx.AsyncClient, word: str, dataset: Dataset, form: ExportFormat
) -> None:
    answer = await api.get(f"/exports/{dataset}", params={"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{dataset}-')
    rows = parse_file(answer.content, form)
    assert rows
    names = [each.name for each in COLUMNS[dataset]]
    assert all(list(row) == names for row in rows)
    receipt = (await api.get(f"/exports/receipts/{answer.headers['x-export-id']}")).json()
    assert receipt["complete"]
    assert receipt["rows"] == len(rows)
    assert receipt["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert (receipt["dataset"], receipt["format"]) == (dataset, form)


async def test_outages_are_those_of_the_list_with_every_cell(
    api: httpx.AsyncClient, word: str
) -> None:
    listed = (await api.get("/outages", params={"search": word})).json()["items"]
    rows = await get_file(api, "outages", "json", search=word)
    assert [row["id"] for row in rows] == [each["id"] for each in listed]
    for row, shown in zip(rows, listed, strict=True):
        same = ("site_name", "severity", "status", "lifecycle", "description", "agreement")
        assert {name: row[name] for name in same} == {name: shown[name] for name in same}
        sla = shown["sla_status"] or {}
        assert row["sla_status"] == sla.get("status")
        assert row["amount_stroops"] == sla.get("amount_stroops")
        if sla:
            assert row["amount"] == format_amount(int(sla["amount_stroops"]))
    assert {row["amount"] for row in rows} == {None, "-1000"}
    assert ["radio", "tv"] in [row["affected_services"] for row in rows]
    (hostile,) = await get_file(api, "outages", search=word, severity="low")
    assert hostile["description"] == f"'{HOSTILE}"
    assert hostile["detected_at"] == "2026-01-31T12:00:00.000000Z"
    penalties = await get_file(api, "outages", search=word, lifecycle="closed")
    assert [row["amount"] for row in penalties] == ["-1000"], "a negative number is no formula"


async def find_payment(api: httpx.AsyncClient, word: str) -> dict[str, Any]:
    """Return the one payment of the outages with this word, as it is exported."""
    ids = {each["id"] for each in await get_file(api, "outages", search=word)}
    rows = await get_file(api, "payments", status="completed")
    (payment,) = [row for row in rows if row["outage_id"] in ids]
    return payment


async def test_filters_are_those_of_the_lists(api: httpx.AsyncClient, word: str) -> None:
    assert len(await get_file(api, "outages", search=word, status="open")) == 1
    assert len(await get_file(api, "outages", search=word, date_to="2026-01-30")) == 0
    assert len(await get_file(api, "outages", site=f"{word} 2", agreement="default")) == 1
    payment = await find_payment(api, word)
    shown = ("status", "amount", "agreement")
    assert [payment[name] for name in shown] == ["confirmed", "1000", "default"]
    own = {"outage_id": payment["outage_id"]}
    (verdict,) = await get_file(api, "verdicts", **own)
    shown = ("holds", "status", "payment_id")
    assert [verdict[name] for name in shown] == ["true", "violated", payment["id"]]
    assert await get_file(api, "verdicts", **own, status="met") == []
    assert len(await get_file(api, "verdicts", site=f"{word} 3", severity="critical")) == 1
    (judged,) = await get_file(api, "outages", site=f"{word} 2")
    (dispute,) = await get_file(api, "disputes", outage_id=judged["id"])
    assert dispute["reason"] == '\'-2 minutes; it\nwas, "sooner"'
    assert await get_file(api, "disputes", outage_id=judged["id"], status="rejected") == []


async def test_sums_are_filtered_too(api: httpx.AsyncClient, word: str) -> None:
    (day,) = await get_file(api, "analytics", site=f"{word} 3")
    shown = ("date", "outages", "penalties", "net")
    assert [day[name] for name in shown] == ["2026-01-31", "1", "1000", "-1000"]
    payment = await find_payment(api, word)
    rows = await get_file(api, "finance", agreement="default", type="penalty")
    (cost,) = [row for row in rows if row["payment_id"] == payment["id"]]
    assert [cost[name] for name in ("gross", "net", "paid")] == ["1000", "1000", "1000"]
    assert cost["transaction_hash"] == payment["transaction_hash"]
    assert await get_file(api, "finance", period="2020-01") == []


async def test_audit_entries_are_those_of_the_list(api: httpx.AsyncClient, word: str) -> None:
    (judged,) = await get_file(api, "outages", site=f"{word} 2")
    subject = f"outage/{judged['id']}"
    listed = (await api.get("/audit", params={"subject": subject})).json()["items"]
    rows = await get_file(api, "audit", "ndjson", subject=subject)
    same = ("sequence", "id", "subject", "action", "actor", "evidence", "leaf_hash")
    assert [[row[name] for name in same] for row in rows] == [
        [each[name] for name in same] for each in reversed(listed)
    ]
    assert len(rows) > 2


@pytest.mark.parametrize(
    ("dataset", "wanted", "field"),
    [
        ("outages", {"severity": "grave"}, "severity"),
        ("outages", {"format": "xlsx"}, "format"),
        ("outages", {"page": "2"}, "page"),
        ("payments", {"date_from": "soon"}, "date_from"),
        ("finance", {"period": "2026-13"}, "period"),
        ("finance", {"period": "2026-01", "date_from": "2026-01-01"}, "period"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_and_leaves_nothing(
    api: httpx.AsyncClient, dataset: str, wanted: dict[str, str], field: str
) -> None:
    request = make_unique_id("refused")
    answer = await api.get(
        f"/exports/{dataset}", params=wanted, headers={"X-Correlation-ID": request}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert await count_started(api, request) == 0


async def count_started(api: httpx.AsyncClient, request: str) -> int:
    """Return how many exports one request began: others may begin theirs meanwhile."""
    asked = {"action": "export.started", "correlation_id": request}
    found = await api.get("/audit", params=asked)
    return len(found.json()["items"])


async def test_it_is_on_record_who_exported_what(api: httpx.AsyncClient, word: str) -> None:
    answer = await api.get("/exports/outages", params={"search": word, "severity": "low"})
    export_id = answer.headers["x-export-id"]
    found = await api.get("/audit", params={"subject": f"export/{export_id}"})
    ended, started = found.json()["items"]
    assert (started["action"], ended["action"]) == ("export.started", "export.ended")
    assert started["actor"] == "admin"
    assert started["evidence"] == {
        "dataset": "outages",
        "filter": {"search": word, "severity": "low"},
        "format": "csv",
        "party": None,
    }
    assert ended["evidence"]["rows"] == 1
    assert ended["evidence"]["bytes"] == len(answer.content)


async def test_a_head_exports_nothing(api: httpx.AsyncClient) -> None:
    request = make_unique_id("head")
    answer = await api.head("/exports/outages", headers={"X-Correlation-ID": request})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert await count_started(api, request) == 0
    await api.get("/exports/outages", headers={"X-Correlation-ID": request})
    assert await count_started(api, request) == 1


async def test_a_receipt_is_for_who_asked_for_it(
    api: httpx.AsyncClient, database: Database, word: str
) -> None:
    answer = await api.get("/exports/outages", params={"search": word})
    path = f"/exports/receipts/{answer.headers['x-export-id']}"
    key = "key-of-somebody-who-only-looks"
    # Who sees everything may belong to a party as well.
    await save_key(database, "only-looks", Role.VIEWER, key, has_party=True)
    async with open_client(api, key) as viewer:
        assert (await viewer.get(path)).status_code == 404
        own = await viewer.get("/exports/outages", params={"search": word})
        assert parse_file(own.content) == parse_file(answer.content)
        mine = await viewer.get(f"/exports/receipts/{own.headers['x-export-id']}")
        assert mine.status_code == 200, mine.text
        assert mine.json()["asked_by"] == "only-looks"
        assert (await viewer.get("/exports/audit")).status_code == 403
    assert (await api.get("/exports/receipts/exp_0")).status_code == 404
