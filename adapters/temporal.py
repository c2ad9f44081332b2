"""The client of the Temporal server: connecting, task queues, the log header."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode

from adapters import logs, tracing
from adapters.spans import TraceParent
from domain.errors import Unavailable

log = logging.getLogger(__name__)
QUEUES = ("outages", "settlement", "webhooks", "analytics")
# Carries the ids that log lines of a workflow bear; its worker passes it on to all that it starts.
LOG_HEADER = "log-context"


async def connect(address: str, namespace: str, *, lazy: bool = False) -> Client:
    """
    Connect to Temporal; with `lazy`, the first call connects, so a process can start before the server. Until one
    did, calls raise RPCError as they do when the server is away later.

    Raises Unavailable when the server does not answer.
    """
    try:
        return await Client.connect(
            address, namespace=namespace, lazy=lazy, interceptors=[_SendLogContext()]
        )
    except (RPCError, RuntimeError) as error:
        raise Unavailable(f"Temporal does not answer at {address}; is it running?") from error


def forward_logs() -> None:
    """Send the SDK's own log lines, Python's and Rust's, to our formatter; call it before connecting."""
    forwarding = LogForwardingConfig(
        logging.getLogger("temporalio"), append_log_fields_to_message=False
    )
    filters = TelemetryFilter(core_level="WARN", other_level="ERROR")
    telemetry = TelemetryConfig(logging=LoggingConfig(filters, forwarding))
    Runtime.set_default(Runtime(telemetry=telemetry))
    # They would append these to each message; our formatter has fields for them.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def read_log_header(headers: Mapping[str, Payload]) -> dict[str, str]:
    """Return the log ids in a workflow's header; empty when there is no such header, or it is not ours."""
    known = _read_header(headers)
    return {name: str(known[name]) for name in logs.SUBJECTS if name in known}


def read_trace_header(headers: Mapping[str, Payload]) -> TraceParent | None:
    """Return the span of the request that a workflow or an update of it came from."""
    return tracing.parse_traceparent(str(_read_header(headers).get("traceparent", "")))


def _read_header(headers: Mapping[str, Payload]) -> dict[str, Any]:
    if LOG_HEADER not in headers:
        return {}
    with suppress(orjson.JSONDecodeError):
        known = orjson.loads(headers[LOG_HEADER].data)
        if isinstance(known, dict):
            return known
    return {}


def add_log_header(headers: Mapping[str, Payload], workflow_id: str) -> Mapping[str, Payload]:
    known = {name: value for name, value in logs.get_context().items() if name in logs.SUBJECTS}
    if "correlation_id" not in known:
        return headers
    if (here := tracing.get_traceparent()) is not None:
        known["traceparent"] = str(here)
    about = orjson.dumps(known | logs.parse_workflow_id(workflow_id))
    return {**headers, LOG_HEADER: Payload(metadata={"encoding": b"json/plain"}, data=about)}


class _SendLogContext(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Sender(next)


class _Sender(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        input.headers = add_log_header(input.headers, input.id)
        with _report_unreachable():
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with _report_unreachable():
            await super().signal_workflow(input)

    async def start_workflow_update(
        self, input: StartWorkflowUpdateInput
    ) -> WorkflowUpdateHandle[Any]:
        input.headers = add_log_header(input.headers, input.id)
        with _report_unreachable():
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        start = input.start_workflow_input
        start.headers = add_log_header(start.headers, start.id)
        with _report_unreachable():
            return await super().start_update_with_start_workflow(input)


@contextmanager
def _report_unreachable() -> Iterator[None]:
    """A client that could not connect yet raises RuntimeError, which nobody who asks expects."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("Failed client connect"):
            raise
        raise RPCError(str(error), RPCStatusCode.UNAVAILABLE, b"") from error
