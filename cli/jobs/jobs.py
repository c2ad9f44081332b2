"""`apexchainx jobs`: what was asked for, how far it is, and its end."""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from temporalio.service import RPCError, RPCStatusCode

from adapters import temporal
from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs
from cli.databases import DataDir, NoDatabase, find_temporal, open_database
from cli.jobs.progress_bars import ProgressBar
from domain.errors import ApexError, Unavailable
from domain.jobs.job_files import JobFile
from domain.jobs.jobs import ENDED, Job, JobKind, JobStatus
from domain.requests import Request
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from workflows.jobs.job_starts import notify_cancelled

BY = Request("operator", "command-line")
LOOK_SECONDS = 0.5
NOT_NOTIFIED = "Temporal does not answer: the job is cancelled on record, and ends at its next step"


class JobAction(StrEnum):
    LIST = "list"
    SHOW = "show"
    CANCEL = "cancel"
    WAIT = "wait"


def command(
    action: Annotated[
        JobAction,
        typer.Argument(help="wait: show how far a job is until it has ended."),
    ] = JobAction.LIST,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Its id; not for list.")] = "",
    status: Annotated[JobStatus | None, typer.Option(help="List only these.")] = None,
    kind: Annotated[JobKind | None, typer.Option(help="List only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="List at most so many.")] = 20,
    within: Annotated[float, typer.Option(help="Wait at most so many seconds; 0: no end.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout, an object a job.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """
    Works on the database of --data-dir, or that at DATABASE_URL. `wait` exits with 0 when the job is done, with 1 when it
    failed, was cancelled, or has not ended in time.
    """
    if (action is JobAction.LIST) == bool(job_id):
        raise SystemExit("apexchainx: list takes no id; show, cancel and wait take one")
    try:
        if action is JobAction.LIST:
            for each in asyncio.run(_list(data_dir, status, kind, limit)):
                typer.echo(_dump(each) if as_json else render_row(each))
            return
        if action is JobAction.WAIT:
            job, files = asyncio.run(_wait(data_dir, job_id, within))
        else:
            job, files = asyncio.run(_show(data_dir, job_id, cancels=action is not JobAction.SHOW))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    typer.echo(_dump(job, files) if as_json else "\n".join(render_job(job, files)))
    if action is JobAction.WAIT and job.status is not JobStatus.DONE:
        raise SystemExit(1)


async def _list(
    data_dir: Path | None, status: JobStatus | None, kind: JobKind | None, limit: int
) -> list[Job]:
    kinds = None if kind is None else [kind]
    async with open_database(data_dir) as database, database.autocommit() as connection:
        return await jobs.list_newest(connection, status, kinds, None, limit)


async def _show(data_dir: Path | None, job_id: str, *, cancels: bool) -> tuple[Job, list[JobFile]]:
    async with open_database(data_dir) as database:
        if cancels:
            job = await cancel_job(database, CancelJob(job_id, BY, datetime.now(UTC)))
            await _notify(data_dir, job)
        return await _load(database, job_id)


async def _notify(data_dir: Path | None, job: Job) -> None:
    """Have the workflow of a cancelled job look at once, also while it waits to try again."""
    address, namespace = find_temporal(data_dir)
    try:
        client = await temporal.connect(address, namespace)
        await notify_cancelled(client, job.id)
    except RPCError as failure:
        # One that was queued alone, or has ended, has no workflow that could wait for anything.
        if failure.status is not RPCStatusCode.NOT_FOUND:
            print(NOT_NOTIFIED, file=sys.stderr)
    except (RuntimeError, Unavailable):
        print(NOT_NOTIFIED, file=sys.stderr)


async def _wait(data_dir: Path | None, job_id: str, within: float) -> tuple[Job, list[JobFile]]:
    bar, began = ProgressBar(sys.stderr), time.monotonic()
    async with open_database(data_dir) as database:
        while True:
            job, files = await _load(database, job_id)
            bar.show(job.kind, job.progress)
            late = within and time.monotonic() - began >= within
            if job.status in ENDED or late:
                bar.close()
                return job, files
            await asyncio.sleep(LOOK_SECONDS)


async def _load(database: Database, job_id: str) -> tuple[Job, list[JobFile]]:
    async with database.autocommit() as connection:
        return await jobs.get(connection, job_id), await job_files.list_files(connection, job_id)


def _dump(job: Job, files: list[JobFile] | None = None) -> str:
    shown = asdict(job) | ({} if files is None else {"files": [asdict(each) for each in files]})
    return orjson.dumps(shown).decode()


def render_row(job: Job) -> str:
    return (
        f"{job.id:<28}  {job.kind:<14}  {job.status:<9}  {_count(job):>17}  "
        f"{_at(job.created_at)}  {job.asked_by}"
    )


def render_job(job: Job, files: list[JobFile]) -> Iterator[str]:
    yield f"Job {job.id}: {job.kind}, {job.status}, {_count(job)} done"
    yield f"  asked for by {job.asked_by} at {_at(job.created_at)}, correlation id {job.correlation_id}"
    yield f"  {orjson.dumps(job.parameters).decode()}"
    if job.started_at is not None:
        yield f"  begun {_at(job.started_at)}, attempt {job.attempts}"
    if job.cancel_requested_at is not None:
        yield f"  asked to cancel {_at(job.cancel_requested_at)}"
    if job.error is not None:
        yield f"  {'failed' if job.status is JobStatus.FAILED else 'last failure'}: {job.error}"
    if job.result is not None:
        yield f"  result {orjson.dumps(job.result).decode()}"
    for file in files:
        size = "not whole yet" if file.size is None else f"{file.size} bytes, SHA-256 {file.sha256}"
        yield f"  {file.role} {file.filename}: {size}"
    if job.ended_at is not None:
        yield f"  ended {_at(job.ended_at)}, kept until {_at(job.expires_at)}"


def _count(job: Job) -> str:
    return f"{job.done}" if job.total is None else f"{job.done} of {job.total}"


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if moment else "unknown"
