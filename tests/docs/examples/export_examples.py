"""Exports: a file of each dataset, its receipt, and the job that writes one."""

import httpx

from domain.exports.datasets import Dataset
from tests.docs.examples.example_recorder import ExampleRecorder

FILTERS = {
    Dataset.OUTAGES: {"severity": "critical", "format": "csv"},
    Dataset.ANALYTICS: {"date_from": "2026-01-01", "format": "json"},
    Dataset.FINANCE: {"agreement": "default", "format": "csv"},
}


async def show_exports(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    for dataset in Dataset:
        params = FILTERS.get(dataset, {"format": "csv"})
        await ask(admin, f"GET /exports/{dataset}", params=params)
    made = await admin.get("/exports/outages", params=FILTERS[Dataset.OUTAGES])
    receipt = "GET /exports/receipts/{export_id}"
    await ask(admin, receipt, export_id=made.headers["x-export-id"])
    for dataset in Dataset:
        params = FILTERS.get(dataset, {"format": "csv"})
        await ask(admin, f"POST /exports/{dataset}", params=params)
