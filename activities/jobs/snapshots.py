"""Take a snapshot of the analytics, hash it again, and compare its money with the journal."""

import logging
from datetime import UTC, datetime
from typing import Any

from activities.jobs.job_contexts import JobContext
from adapters.time_zones import TZDATA
from domain.requests import Request
from services.analytics.snapshots.reconcile_snapshot import reconcile_snapshot
from services.analytics.snapshots.take_snapshot import TakeSnapshot, take_snapshot

log = logging.getLogger(__name__)
TAKEN, RECONCILED = 1, 2


class SnapshotRunner:
    async def run(self, context: JobContext) -> dict[str, Any]:
        """Begun again after a kill, it finds the snapshot that it has taken: a job takes one."""
        job = context.job
        by = Request(job.asked_by, job.correlation_id)
        wanted = TakeSnapshot(by, job.id, datetime.now(UTC), TZDATA)
        taken = await take_snapshot(context.database, wanted)
        log.info("snapshot %s: sha256 %s", taken.id, taken.checksum)
        await context.save(TAKEN, RECONCILED)
        found = await reconcile_snapshot(context.database, taken.id)
        await context.save(RECONCILED, RECONCILED)
        return {
            "snapshot_id": taken.id,
            "checksum": taken.checksum,
            "verified": not taken.list_problems(),
            "reconciled": not found.differences,
            "different": [each.agreement for each in found.differences],
        }
