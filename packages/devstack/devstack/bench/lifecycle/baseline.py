"""
The ceiling: a workflow of the same shape as an outage's, in which nothing is done.

The same updates, steps, search attributes and timer, in the same order as when nobody disputes, and no children:
every step is a local activity, and the delivery an activity of another queue; each returns at once. What this
costs is the workflow server's price, which no engine on it can beat.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import run_activity

OUTAGES, WEBHOOKS = "baseline-outages", "baseline-webhooks"
STATUS = SearchAttributeKey.for_keyword("OutageStatus")
SLA_STATUS = SearchAttributeKey.for_keyword("SlaStatus")
AMOUNT = SearchAttributeKey.for_float("AmountUsdc")


@dataclass(frozen=True, slots=True)
class BaselineInput:
    """How long the timer runs, and the loopback port to tell when everything is over."""

    window_seconds: float
    port: int


@dataclass(frozen=True, slots=True)
class NotifyInput:
    port: int
    what: str


class BaselineActivities(ABC):
    @activity.defn
    @abstractmethod
    async def do_nothing(self, what: str) -> str:
        """Return at once."""

    @activity.defn
    @abstractmethod
    async def notify(self, notification: NotifyInput) -> str:
        """Send one datagram, the least that can tell a stranger that a life is over."""


@workflow.defn
class BaselineOutageWorkflow:
    def __init__(self) -> None:
        self.recorded = ""
        self.judged = ""

    @workflow.run
    async def run(self, bare: BaselineInput) -> None:
        self.recorded = await run_activity(BaselineActivities.do_nothing, "record")
        await workflow.wait_condition(lambda: bool(self.judged))
        with suppress(TimeoutError):
            window = timedelta(seconds=bare.window_seconds)
            await workflow.wait_condition(lambda: False, timeout=window, timeout_summary="window")
        await run_activity(BaselineActivities.do_nothing, "owe")
        workflow.upsert_search_attributes([STATUS.value_set("settling")])
        for what in ("prepare", "submit", "observe", "confirm", "close"):
            await run_activity(BaselineActivities.do_nothing, what)
        workflow.upsert_search_attributes([STATUS.value_set("closed")])
        await workflow.execute_activity_method(
            BaselineActivities.notify,
            NotifyInput(bare.port, workflow.info().workflow_id),
            task_queue=WEBHOOKS,
            start_to_close_timeout=timedelta(seconds=30),
            summary="tell that it is over",
        )
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def await_recorded(self, fingerprint: str) -> str:
        await workflow.wait_condition(lambda: bool(self.recorded))
        return self.recorded

    @workflow.update
    async def resolve(self, at: str) -> str:
        judged = await run_activity(BaselineActivities.do_nothing, "judge")
        workflow.upsert_search_attributes(
            [STATUS.value_set("disputable"), SLA_STATUS.value_set("met"), AMOUNT.value_set(1.0)]
        )
        self.judged = judged
        return judged
