"""Turns the domain's errors into ApplicationErrors: refusals are final, the rest is retried."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import ApexError, Invalid, TryAgain


class ErrorInterceptor(Interceptor):
    """Turns the domain's errors into ApplicationErrors, which workflows and callers can read."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translator(next)


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
