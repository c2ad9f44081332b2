"""`apexchainx imports`: send a file of outages to the API, and see its import through."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer

from cli.databases import ApiKey, ApiUrl, DataDir, NoDatabase, find_api
from cli.jobs.progress_bars import ProgressBar
from domain.errors import Invalid
from domain.jobs.jobs import ENDED, JobProgress, JobStatus
from domain.sla.bulk.import_plans import ImportMode, ImportRule, find_format

API = "/api/v1"
PIECE_BYTES = 262_144
LOOK_SECONDS = 0.5
# A job as the API shows it.
ShownJob = dict[str, Any]
TYPES = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}


class ImportFailed(Exception):
    """What the API refused, in its own sentence."""


def command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON or NDJSON.")],
    mode: Annotated[
        ImportMode, typer.Option(help="backfill: outages that were settled elsewhere.")
    ] = ImportMode.DECLARE,
    rule: Annotated[
        ImportRule, typer.Option(help="atomic: all rows, or none.")
    ] = ImportRule.PARTIAL,
    dry_run: Annotated[bool, typer.Option(help="Judge every row, and record none.")] = False,
    agreement: Annotated[str, typer.Option(help="Of rows that no other agreement covers.")] = "",
    problems: Annotated[
        Path | None, typer.Option(help="Write here which rows are wrong, as CSV.")
    ] = None,
    url: ApiUrl = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """
    Sends it to the API at --url with --api-key, or to that of the engine that runs in --data-dir. Ends with 0 when
    every row was right, with 1 when some were wrong or the import failed.
    """
    asked = {"mode": mode.value, "rule": rule.value, "filename": _get_name(file)}
    asked |= {"dry_run": "true"} if dry_run else {}
    asked |= {"agreement": agreement} if agreement else {}
    try:
        address, key = find_api(url, api_key, data_dir)
        job = _import(f"{address.rstrip('/')}{API}", key, file, asked, problems)
    except (ImportFailed, Invalid, NoDatabase, httpx.HTTPError, OSError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    result = job["result"]
    typer.echo(orjson.dumps(result).decode() if result else f"{job['status']}: {job['error']}")
    if result is None or result["wrong"]:
        raise SystemExit(1)


def _get_name(file: Path) -> str:
    """Return the name of a file, as far as it can be sent."""
    return os.fsencode(file.name).decode(errors="replace")


def _import(
    api: str, key: str, file: Path, asked: dict[str, str], problems: Path | None
) -> ShownJob:
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=api, headers=headers, timeout=60, trust_env=False) as client:
        job = _wait(client, _send(client, file, asked))
        if problems is not None and job["status"] == JobStatus.DONE:
            _save_problems(client, job, problems)
        return job


def _send(client: httpx.Client, file: Path, asked: dict[str, str]) -> ShownJob:
    headers = {
        "Content-Type": TYPES[find_format(file.name, "")],
        "Content-Length": str(file.stat().st_size),
    }
    answer = client.post("/imports", params=asked, headers=headers, content=_read(file))
    return _to_job(_check(answer))


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def _wait(client: httpx.Client, job: ShownJob) -> ShownJob:
    bar = ProgressBar(sys.stderr)
    while True:
        status = JobStatus(job["status"])
        bar.show(job["kind"], JobProgress(status, job["done"], job["total"]))
        if status in ENDED:
            bar.close()
            return job
        time.sleep(LOOK_SECONDS)
        job = _to_job(_check(client.get(f"/jobs/{job['id']}")))


def _save_problems(client: httpx.Client, job: ShownJob, path: Path) -> None:
    with client.stream("GET", f"/jobs/{job['id']}/output") as answer, path.open("wb") as opened:
        if answer.is_error:
            answer.read()
        _check(answer)
        for piece in answer.iter_bytes():
            opened.write(piece)


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"the API answered {answer.status_code}"
    raise ImportFailed(detail)


def _to_job(answer: httpx.Response) -> ShownJob:
    found: ShownJob = orjson.loads(answer.content)
    return found
