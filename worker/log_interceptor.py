"""
Adds correlation id, outage and payment to every log line of an activity. The correlation id travels
in a header: from the request that started a workflow, through its children, into their activities.
"""

import logging
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    HandleUpdateInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from adapters import logs, tracing
from adapters.temporal import LOG_HEADER, read_log_header, read_trace_header
from domain.requests import Request
from domain.settlement.payments import Payment
from domain.sla.outages import Outage

log = logging.getLogger(__name__)
_asked: ContextVar[Payload | None] = ContextVar("asked", default=None)


class LogContext(Interceptor):
    """Binds the subjects of an activity to its log lines, and passes the header of its workflow on."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activities(next)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _Workflows


class _Activities(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        workflow_id = info.workflow_id or ""
        about = read_log_header(input.headers) | logs.parse_workflow_id(workflow_id)
        # An activity has a task to itself, so what is bound here ends with it.
        logs.bind(**about | find_subjects(input.args))
        logs.bind(workflow_id=workflow_id, activity=info.activity_type, attempt=info.attempt)
        began = time.perf_counter()
        with tracing.open_span(f"activity {info.activity_type}", read_trace_header(input.headers)):
            answer = await self.next.execute_activity(input)
            took = round((time.perf_counter() - began) * 1000, 3)
            log.info("activity completed", extra={"duration_ms": took})
        return answer


def find_subjects(content: Any) -> dict[str, str]:
    """Find the outage, the payment and the correlation id in what an activity is given."""
    if isinstance(content, Payment):
        about = {"payment_id": content.id, "outage_id": content.outage_id}
        return about | {"correlation_id": content.correlation_id}
    if isinstance(content, Request):
        return {"correlation_id": content.correlation_id}
    if isinstance(content, list | tuple):
        # Several of a kind are not one subject.
        return find_subjects(content[0]) if len(content) == 1 else {}
    if not is_dataclass(content):
        return {}
    found: dict[str, str] = {"outage_id": content.id} if isinstance(content, Outage) else {}
    for field in fields(content):
        value = getattr(content, field.name)
        if field.name in logs.SUBJECTS and isinstance(value, str):
            found[field.name] = value
        elif is_dataclass(value):
            found = find_subjects(value) | found
    return found


class _Workflows(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_HeaderOutbound(outbound))

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """What an update starts belongs to who asked for it; a handler has a context of its own."""
        _asked.set(input.headers.get(LOG_HEADER))
        return await super().handle_update_handler(input)


class _HeaderOutbound(WorkflowOutboundInterceptor):
    """Passes the header that a workflow was started with to all that it starts."""

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = _pass_header(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = _pass_header(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(
        self, input: StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.headers = _pass_header(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        input.headers = _pass_header(input.headers)
        super().continue_as_new(input)


def _pass_header(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    given = _asked.get() or workflow.info().headers.get(LOG_HEADER)
    return headers if given is None else {**headers, LOG_HEADER: given}
