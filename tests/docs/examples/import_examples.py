"""Imports: a file that becomes a job, and what became of it."""

import httpx

from tests.docs.examples.example_recorder import ExampleRecorder

FILE = "service_id,start_time,end_time,id\nVOICE,2026-01-31T14:00:00Z,2026-01-31T14:25:00Z,IMP-1\n"


async def show_imports(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    sent = {"file": ("outages.csv", FILE, "text/csv")}
    await recorder.ask(admin, "POST /imports", files=sent, params={"mode": "backfill"})
    await recorder.ask(admin, "GET /imports")
