"""Work that nobody asks for, begun by the clock: schedules of the workflow server."""

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

# What a run takes at most; one that hangs makes room for the next.
RUN_TIMEOUT = timedelta(minutes=10)
# What was missed while nobody ran is made up for by the next run alone.
CATCH_UP = timedelta(seconds=10)


@dataclass(frozen=True)
class ScheduledWorkflow:
    """A life that is begun again and again, and how often; one that still runs is not begun twice."""

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
    """Let each schedule be as the settings say, whether it is there already or not."""

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
