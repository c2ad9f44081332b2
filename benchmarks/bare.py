"""
The ceiling: lives of the same shape as an outage's, in which nothing is done.

The same updates, local activities, search attributes, timer and children, in the same order as in
workflows/outages.py, workflows/payments.py and workflows/webhooks.py when nobody disputes; but every
step returns at once. What these cost is the workflow server's price, which no engine on it can beat.
"""

from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from workflows.steps import step

OUTAGES, SETTLEMENT, WEBHOOKS = "bare-outages", "bare-settlement", "bare-webhooks"
STATUS = SearchAttributeKey.for_keyword("OutageStatus")
SLA_STATUS = SearchAttributeKey.for_keyword("SlaStatus")
STROOPS = SearchAttributeKey.for_int("SettlementStroops")


class BareSteps:
    @activity.defn
    async def nothing(self, what: str) -> str:
        """Return at once."""
        return what


@workflow.defn
class BareOutageWorkflow:
    def __init__(self) -> None:
        self.recorded = ""
        self.judged = ""

    @workflow.run
    async def run(self, window_seconds: float) -> None:
        self.recorded = await step(BareSteps.nothing, "record")
        await workflow.wait_condition(lambda: bool(self.judged))
        with suppress(TimeoutError):
            window = timedelta(seconds=window_seconds)
            await workflow.wait_condition(lambda: False, timeout=window, timeout_summary="window")
        payment = await step(BareSteps.nothing, "owe")
        workflow.upsert_search_attributes([STATUS.value_set("settling")])
        own = workflow.info().workflow_id
        await workflow.execute_child_workflow(
            BarePaymentWorkflow.run,
            payment,
            id=f"{own}/payment",
            task_queue=SETTLEMENT,
            static_summary="a payment that moves nothing",
        )
        delivery = await step(BareSteps.nothing, "close")
        workflow.upsert_search_attributes([STATUS.value_set("closed")])
        await workflow.start_child_workflow(
            BareWebhookWorkflow.run,
            delivery,
            id=f"{own}/webhook",
            task_queue=WEBHOOKS,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def declared(self, fingerprint: str) -> str:
        await workflow.wait_condition(lambda: bool(self.recorded))
        return self.recorded

    @workflow.update
    async def resolve(self, at: str) -> str:
        judged = await step(BareSteps.nothing, "judge")
        workflow.upsert_search_attributes(
            [STATUS.value_set("disputable"), SLA_STATUS.value_set("met"), STROOPS.value_set(1)]
        )
        self.judged = judged
        return judged


@workflow.defn
class BarePaymentWorkflow:
    @workflow.run
    async def run(self, payment: str) -> str:
        for what in ("prepare", "submit", "observe"):
            await step(BareSteps.nothing, what)
        return await step(BareSteps.nothing, "book")


@workflow.defn
class BareWebhookWorkflow:
    @workflow.run
    async def run(self, delivery: str) -> str:
        return await workflow.execute_activity_method(
            BareSteps.nothing,
            delivery,
            start_to_close_timeout=timedelta(seconds=30),
            summary="post nothing",
        )
