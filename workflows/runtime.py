"""How workflows call their steps, and how they refuse what callers ask."""

import asyncio
import textwrap
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TimedOut

from domain.errors import Invalid, Refused
from domain.sla.outages import TimelineEntry

Message = TypeVar("Message")
Answer = TypeVar("Answer")

ACTIVITY_TIMEOUT = timedelta(seconds=10)
# For ever: for what the server itself starts again, which costs its history nothing.
RETRY_FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
)
# A step that is being tried keeps its workflow's task open, and that costs history for as long as it
# lasts: the server ends a life whose history has no end. Most of what fails works again within
# seconds; whatever is down for longer is waited for by timers.
RETRY_BRIEFLY = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=6)
RETRY_A_LITTLE = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=3)
DOWN_PAUSE_MIN, DOWN_PAUSE_MAX = timedelta(seconds=5), timedelta(minutes=10)
REFUSED_PAUSE_MIN, REFUSED_PAUSE_MAX = timedelta(minutes=1), timedelta(hours=1)
REASON_MAX = 300


async def run_activity(
    method: Callable[[Any, Message], Awaitable[Answer]],
    message: Message,
    limit: timedelta = ACTIVITY_TIMEOUT,
    on_status: Callable[[str], None] = workflow.set_current_details,
) -> Answer:
    """
    Run a short step in this worker, as a local activity: a tenth of the server's work.

    A refusal by the step is raised as the ApplicationError that an update's caller can read. A step
    that fails is tried for as long as it takes, because it fails only while something is down;
    `on_status` hears of it.
    """
    name, began, policy, troubled = _name(method), workflow.now(), RETRY_BRIEFLY, False
    while True:
        try:
            answer = await workflow.execute_local_activity_method(
                method,
                message,
                start_to_close_timeout=limit,
                retry_policy=policy,
                summary=name,
            )
        except (ActivityError, ApplicationError) as error:
            failure = f"cannot {name}: {_failure(error)}"
        else:
            if troubled:
                on_status(f"can {name} again")
            return answer
        troubled, policy = True, RETRY_A_LITTLE
        on_status(failure)
        # In proportion to how long it has been down, and so are those that wait for it.
        pause = min(max((workflow.now() - began) / 8, DOWN_PAUSE_MIN), DOWN_PAUSE_MAX)
        workflow.set_current_details(f"{failure}; trying again in {humanize(pause)}")
        await workflow.sleep(pause, summary=f"until it can {name} again")


def _name(method: Callable[..., Any]) -> str:
    return method.__name__.replace("_", " ")


def _failure(error: ActivityError | ApplicationError) -> str:
    """Return what failed, if trying again may help; else raise it."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        if cause.non_retryable:
            raise cause from None
        return textwrap.shorten(cause.message, REASON_MAX)
    if isinstance(cause, TimedOut):
        return "no answer in time"
    raise error


def exponential_backoff(pause: timedelta, times: int, most: timedelta) -> timedelta:
    """A pause that doubles each time, up to the longest."""
    return min(pause * (1 << min(times, 30)), most)


def humanize(pause: timedelta) -> str:
    seconds = round(pause.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"


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


class WorkflowBase:
    """
    What every life keeps: its story so far, and one sentence on what it waits for.

    `subject` is what it starts over with when its history has exponential_backoff long; a life that has more to
    remember than that has none.
    """

    def __init__(self, subject: Any = None) -> None:
        self.subject = subject
        self.entries: list[TimelineEntry] = []
        # Handlers interleave at every await; what changes the record goes one at a time.
        self.lock = asyncio.Lock()

    def note(self, what: str) -> None:
        """Add a line to the story, and show it in the Web UI as what is going on now."""
        self.entries.append(TimelineEntry(workflow.now(), what))
        workflow.set_current_details(what)

    @workflow.query(description="What has happened so far")
    def timeline(self) -> list[TimelineEntry]:
        return self.entries

    async def run_until_accepted(
        self,
        method: Callable[[Any, Message], Awaitable[Answer]],
        message: Message,
        limit: timedelta = ACTIVITY_TIMEOUT,
    ) -> Answer:
        """Run a step that nobody waits to be refused by: say that it was refused, and try again."""
        refused = 0
        while True:
            try:
                return await run_activity(method, message, limit, self.note_stuck)
            except ApplicationError as error:
                self.note_stuck(refusal := f"cannot go on: {error.message}")
                pause = exponential_backoff(REFUSED_PAUSE_MIN, refused, REFUSED_PAUSE_MAX)
                workflow.set_current_details(f"{refusal}; trying again in {humanize(pause)}")
                await workflow.sleep(pause, summary="waiting for a mend")
                refused += 1

    def note_stuck(self, why: str) -> None:
        """Note, once, why it does not go on; one that has stood still for long starts over."""
        if not self.entries or self.entries[-1].what != why:
            self.note(why)
        self.continue_as_new_if_long()

    def continue_as_new_if_long(self) -> None:
        """
        Go on with an empty history, before the one it has grows too long to be kept.

        Signals that it has not acted on are forgotten; only a life that does by itself, when it
        starts over, what they would have it do has a subject.
        """
        if self.subject is None or not workflow.info().is_continue_as_new_suggested():
            return
        if not workflow.all_handlers_finished():
            return  # whoever is being answered would be answered by nobody; it may next time
        workflow.continue_as_new(self.subject)

    async def handle_quietly(
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
