"""Orders of exports, as the job that carries one out keeps them: JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from adapters.postgres.exports.exported_rows import FILTERS, ExportFilter
from domain.access.scopes import EVERYTHING
from domain.digests import format_instant
from domain.exports.datasets import Dataset, ExportFormat
from domain.jobs.jobs import Job, JobKind
from domain.requests import Request
from services.exports.stream_export import MakeExport


def choose_kind(dataset: Dataset) -> JobKind:
    return JobKind(f"export_{dataset}")


def make_order(
    dataset: Dataset, form: ExportFormat, wanted: ExportFilter, said: Mapping[str, str]
) -> dict[str, Any]:
    """Return the parameters of a job; `said` is the filter as its caller wrote it."""
    return {
        "dataset": dataset,
        "format": form,
        "filter": dict(said),
        "rows": {
            name: format_instant(value) if isinstance(value, datetime) else value
            for name, value in asdict(wanted).items()
            if value is not None
        },
    }


def parse_order(job: Job) -> tuple[ExportFormat, MakeExport]:
    """Return what a job is to write; each of its attempts is an export of its own."""
    kept = job.parameters
    dataset = Dataset(kept["dataset"])
    rows = {
        name: datetime.fromisoformat(value) if name in ("since", "until") else value
        for name, value in kept["rows"].items()
    }
    command = MakeExport(
        f"{job.id}.{job.attempts}",
        dataset,
        cast("ExportFilter", FILTERS[dataset](**rows)),
        EVERYTHING,
        kept["filter"],
        Request(job.asked_by, job.correlation_id),
    )
    return ExportFormat(kept["format"]), command
