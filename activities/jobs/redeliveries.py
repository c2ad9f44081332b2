"""Make everything due again that a receiver failed to take since an instant, some at a time."""

from datetime import datetime
from typing import Any

from activities.jobs.job_contexts import JobContext
from services.integration.deliveries.read_failed import read_failed
from services.integration.deliveries.reopen_deliveries import ReopenDeliveries, reopen_deliveries

PAGE = 500


class RedeliveryRunner:
    async def run(self, context: JobContext) -> dict[str, Any]:
        webhook_id = context.parameters["webhook_id"]
        since = datetime.fromisoformat(context.parameters["since"])
        found = context.checkpoint or {"after": ""}
        while ids := await read_failed(context.database, webhook_id, since, found["after"], PAGE):
            done, found = context.done + len(ids), {"after": ids[-1]}
            async with context.begin_step(done, max(done, context.total or 0), found) as step:
                await reopen_deliveries(context.database, ReopenDeliveries(webhook_id, ids, step))
        return {"deliveries": context.done}
