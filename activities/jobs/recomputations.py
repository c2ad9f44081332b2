"""Compute the verdicts of many outages again, and report of each whether it is the one on record."""

from datetime import datetime
from typing import Any

import orjson

from activities.jobs.job_contexts import JobContext
from domain.jobs.recomputations import NAMED_MAX, recompute_judged
from domain.sla.listings import OutageFilter
from domain.sla.verdicts import Severity
from services.jobs.recomputations.read_judged import read_judged, read_judged_count

PAGE = 500


class RecomputationRunner:
    async def run(self, context: JobContext) -> dict[str, Any]:
        wanted = _parse_filter(context.parameters)
        found = context.checkpoint or {"after": "", "different": 0, "named": []}
        await context.open_output("recomputed-verdicts.jsonl", "application/jsonl")
        if context.checkpoint is None:
            total = await read_judged_count(context.database, wanted)
            await context.save(0, total, found)
        while page := await read_judged(context.database, wanted, found["after"], PAGE):
            results = [recompute_judged(each) for each in page]
            for each in results:
                context.write(orjson.dumps(each.describe()) + b"\n")
            different = [each.recorded.outage_id for each in results if not each.equal]
            found = {
                "after": page[-1].recorded.outage_id,
                "different": found["different"] + len(different),
                "named": [*found["named"], *different][:NAMED_MAX],
            }
            done = context.done + len(page)
            await context.save(done, max(done, context.total or 0), found)
        return {
            "outages": context.done,
            "equal": context.done - found["different"],
            "different": found["different"],
            "different_outages": found["named"],
        }


def _parse_filter(parameters: dict[str, Any]) -> OutageFilter:
    severity, since, until = (parameters[name] for name in ("severity", "since", "until"))
    return OutageFilter(
        severity=None if severity is None else Severity(severity),
        site=parameters["site"],
        agreement=parameters["agreement"],
        since=None if since is None else datetime.fromisoformat(since),
        until=None if until is None else datetime.fromisoformat(until),
    )
