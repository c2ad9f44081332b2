"""Workflows that Temporal schedules start."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

# A run that hangs is ended after this time, so that the next can start.
RUN_TIMEOUT = timedelta(minutes=10)
# Runs missed for longer are skipped: the next run covers them.
CATCH_UP = timedelta(seconds=10)


@dataclass(frozen=True)
class ScheduledWorkflow:
    """A workflow that a schedule starts, and how often; never twice at the same time."""

    name: str
    run: Callable[..., Awaitable[Any]]
    every_seconds: int
    summary: str

    @property
    def schedule_id(self) -> str:
        return f"schedule/{self.name}"

    def schedule(self, queue: str) -> Schedule:
        every = timedelta(seconds=self.every_seconds)
        return Schedule(
            action=ScheduleActionStartWorkflow(
                self.run,
                id=self.name,
                task_queue=queue,
                execution_timeout=RUN_TIMEOUT,
                static_summary=self.summary,
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        )


def begin(queue: str, *works: ScheduledWorkflow) -> Callable[[Client], Awaitable[None]]:
    """Return what creates each schedule, or updates it to the settings."""

    async def begin_all(client: Client) -> None:
        for work in works:
            await _begin(client, work.schedule_id, work.schedule(queue))

    return begin_all


async def _begin(client: Client, schedule_id: str, wanted: Schedule) -> None:
    def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        # Somebody may have paused it: that stays.
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(wanted)

    try:
        await client.create_schedule(schedule_id, wanted, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(changed)
