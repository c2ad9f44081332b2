"""
Work that is done at intervals, by one workflow each that never ends: in the list of workflows it is one row.

The worker sees to it that the workflow runs, and says how often it works: worker/scheduled_workflows.py.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import WorkflowBase, format_time


class ScheduledWorkflowBase(WorkflowBase):
    """A workflow that does the same again and again, never twice at a time; its subject is the interval."""

    def __init__(self, every_seconds: int) -> None:
        super().__init__(every_seconds)
        self.asked = self.changed = False

    async def repeat(self, work: Callable[[], Awaitable[Any]]) -> NoReturn:
        while True:
            began, self.asked = workflow.now(), False
            try:
                await work()
            except (ActivityError, ApplicationError) as error:
                how = f"failed at {format_time(began)}: {error.cause or error}"
            else:
                how = f"last done at {format_time(began)}"
            workflow.set_current_details(f"every {self.subject} seconds; {how}")
            await self.await_turn(began)

    async def await_turn(self, began: datetime) -> None:
        """Wait until the interval has passed, as it is set by then, or somebody asks."""
        while not self.asked:
            self.changed, due = False, began + timedelta(seconds=self.subject)
            if workflow.now() >= due:
                break
            await self.wait_until(due, lambda: self.asked or self.changed, "until it is due")
        self.continue_as_new_if_long()

    @workflow.signal(description="Work every so many seconds; sent by a worker that starts")
    def set_interval(self, every_seconds: int) -> None:
        self.subject, self.changed = every_seconds, True

    @workflow.signal(description="Work now")
    def run_now(self) -> None:
        self.asked = True
