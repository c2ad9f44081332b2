"""
Turns the domain's errors into ApplicationErrors: refusals are final, the rest is retried. And keeps signals
that no handler can take from stopping a workflow for ever.
"""

import inspect
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from domain.errors import ApexError, Invalid, TryAgain


class ErrorInterceptor(Interceptor):
    """Turns the domain's errors into ApplicationErrors, which workflows and callers can read."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translator(next)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _SignalGuard


class _Translator(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await self.next.execute_activity(input)
        except ApexError as error:
            raise ApplicationError(
                str(error),
                error.field if isinstance(error, Invalid) else None,
                type=error.code,
                non_retryable=not isinstance(error, TryAgain),
            ) from error


class _SignalGuard(WorkflowInboundInterceptor):
    """Somebody may send a signal with too many inputs, or without one: its handler would fail each time."""

    async def handle_signal(self, input: HandleSignalInput) -> None:
        handler = workflow.get_signal_handler(input.signal)
        handler = handler or workflow.get_dynamic_signal_handler()
        try:
            if handler is not None:
                inspect.signature(handler).bind(*input.args)
        except TypeError as error:
            note = getattr(workflow.instance(), "note_ignored", workflow.logger.warning)
            note(f"signal ignored: {input.signal}: {error}")
            return
        await super().handle_signal(input)
