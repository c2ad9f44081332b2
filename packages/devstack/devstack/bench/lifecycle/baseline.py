"""
The ceiling: workflows of the same shape as an outage's, in which nothing is done.

The same updates, local activities, search attributes, timer and children, in the same order as in
workflows/outages.py, workflows/payments.py and workflows/webhooks.py when nobody disputes; but every
step returns at once. What these cost is the workflow server's price, which no engine on it can beat.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import run_activity

OUTAGES, SETTLEMENT, WEBHOOKS = "baseline-outages", "baseline-settlement", "baseline-webhooks"
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
        payment = await run_activity(BaselineActivities.do_nothing, "owe")
        workflow.upsert_search_attributes([STATUS.value_set("settling")])
        own = workflow.info().workflow_id
        await workflow.execute_child_workflow(
            BaselinePaymentWorkflow.run,
            payment,
            id=f"{own}/payment",
            task_queue=SETTLEMENT,
            static_summary="a payment that moves nothing",
        )
        await run_activity(BaselineActivities.do_nothing, "close")
        workflow.upsert_search_attributes([STATUS.value_set("closed")])
        await workflow.start_child_workflow(
            BaselineWebhookWorkflow.run,
            NotifyInput(bare.port, own),
            id=f"{own}/webhook",
            task_queue=WEBHOOKS,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
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


@workflow.defn
class BaselinePaymentWorkflow:
    @workflow.run
    async def run(self, payment: str) -> str:
        for what in ("prepare", "submit", "observe"):
            await run_activity(BaselineActivities.do_nothing, what)
        return await run_activity(BaselineActivities.do_nothing, "book")


@workflow.defn
class BaselineWebhookWorkflow:
    @workflow.run
    async def run(self, notification: NotifyInput) -> str:
        return await workflow.execute_activity_method(
            BaselineActivities.notify,
            notification,
            start_to_close_timeout=timedelta(seconds=30),
            summary="tell that it is over",
        )
