"""How workflows call their steps, and how they refuse what callers ask."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from domain.errors import Invalid, Refused
from domain.outages import TimelineEntry

Message = TypeVar("Message")
Answer = TypeVar("Answer")

STEP_LIMIT = timedelta(seconds=10)
# Tried for ever, because a step fails only while something is down: what the caller did wrong
# comes back as a non-retryable refusal.
PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
)


async def step(
    method: Callable[[Any, Message], Awaitable[Answer]],
    message: Message,
    limit: timedelta = STEP_LIMIT,
) -> Answer:
    """
    Run a short step in this worker, as a local activity: a tenth of the server's work.

    A refusal by the step is raised as the ApplicationError that an update's caller can read.
    """
    try:
        return await workflow.execute_local_activity_method(
            method,
            message,
            start_to_close_timeout=limit,
            retry_policy=PATIENT,
            summary=method.__name__.replace("_", " "),
        )
    except ActivityError as error:
        if isinstance(error.cause, ApplicationError):
            raise error.cause from None
        raise


def refuse(error: Refused) -> NoReturn:
    """Refuse an update: only an ApplicationError reaches its caller, all else hangs it."""
    field = error.field if isinstance(error, Invalid) else None
    raise ApplicationError(str(error), field, type=error.code, non_retryable=True)


def check(rule: Callable[[], None]) -> None:
    """Run a rule of the domain and turn its refusal into the caller's."""
    try:
        rule()
    except Refused as error:
        refuse(error)


class Life:
    """What every life keeps: its story so far, and one sentence on what it waits for."""

    def __init__(self) -> None:
        self.story: list[TimelineEntry] = []
        # Handlers interleave at every await; what changes the record goes one at a time.
        self.turn = asyncio.Lock()

    def note(self, what: str) -> None:
        """Add a line to the story, and show it in the Web UI as what is going on now."""
        self.story.append(TimelineEntry(workflow.now(), what))
        workflow.set_current_details(what)

    @workflow.query(description="What has happened so far")
    def timeline(self) -> list[TimelineEntry]:
        return self.story

    async def insist(
        self,
        method: Callable[[Any, Message], Awaitable[Answer]],
        message: Message,
        limit: timedelta = STEP_LIMIT,
    ) -> Answer:
        """Run a step that nobody waits to be refused by: say that it was refused, and try again."""
        while True:
            try:
                return await step(method, message, limit)
            except ApplicationError as error:
                self.note(f"cannot go on: {error.message}; trying again in a minute")
                await workflow.sleep(timedelta(minutes=1), summary="waiting for a mend")

    async def quietly(
        self,
        validator: Callable[[Message], None],
        handler: Callable[[Message], Awaitable[Any]],
        message: Message,
    ) -> None:
        """Handle a signal like its update, but note a refusal, since nobody waits for it."""
        try:
            validator(message)
            await handler(message)
        except ApplicationError as error:
            self.note(f"signal ignored: {error.message}")

    async def wait_until(
        self, deadline: datetime, condition: Callable[[], bool], summary: str
    ) -> None:
        """Wait for a condition, but not past an instant: the timer survives any restart."""
        left = max(deadline - workflow.now(), timedelta(0))
        with suppress(TimeoutError):
            await workflow.wait_condition(condition, timeout=left, timeout_summary=summary)
