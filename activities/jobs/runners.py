"""
Runners: who knows how a kind of job is done. To add one: a member of `JobKind` with its permission, a class as
below, and a line in `make_runners`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from activities.jobs.exports import EXPORT_KINDS, ExportRunner
from activities.jobs.file_imports import ImportRunner
from activities.jobs.job_contexts import JobContext
from activities.jobs.recomputations import RecomputationRunner
from activities.jobs.redeliveries import RedeliveryRunner
from activities.jobs.snapshots import SnapshotRunner
from domain.jobs.jobs import JobKind

# What a job found: JSON, which its route shows.
JobResult = dict[str, Any]


class JobRunner(Protocol):
    async def run(self, context: JobContext) -> JobResult:
        """
        Do the work from `context.checkpoint` on, and save each step together with its effect. Refused and its
        kin end the job as failed with their sentence; whatever else is raised has it tried again.
        """
        ...


def make_runners(network: str) -> Mapping[JobKind, JobRunner]:
    """Return the runner of every kind, on one network of the chain."""
    return {
        JobKind.IMPORT: ImportRunner(network),
        JobKind.REDELIVERY: RedeliveryRunner(),
        JobKind.RECOMPUTATION: RecomputationRunner(),
        JobKind.SNAPSHOT: SnapshotRunner(),
        **dict.fromkeys(EXPORT_KINDS, ExportRunner()),
    }
