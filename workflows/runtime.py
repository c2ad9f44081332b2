"""What every workflow uses: running activities, waiting, refusing updates, reading signals, continue-as-new."""

import asyncio
import textwrap
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TimedOut

from domain.errors import Invalid, Refused
from domain.requests import make_unverified_request
from domain.sla.outages import TimelineEntry

with workflow.unsafe.imports_passed_through():
    from workflows.visibility.search_attributes import get_shown

Message = TypeVar("Message")
Answer = TypeVar("Answer")

ACTIVITY_TIMEOUT = timedelta(seconds=10)
# Without end: for activities that the server retries, which adds nothing to the history.
RETRY_FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
)
# While a local activity is retried, its workflow task stays open, and that adds to the history; the
# server ends a workflow whose history grows too long. Most failures pass within seconds; for those
# that last longer, the workflow waits by timers.
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
    Run a short activity in this worker, as a local activity, which costs the server a tenth of another.

    `limit` is for each try. Raises ApplicationError, which the caller of an update can read, when the activity refuses. An
    activity that fails is retried without end, because it fails only while something is down;
    `on_status` is called with a sentence when it starts to fail, and when it works again.
    """
    name, began, policy, failing = _describe(method), workflow.now(), RETRY_BRIEFLY, False
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
            failure = f"cannot {name}: {_describe_failure(error)}"
        else:
            if failing:
                on_status(f"can {name} again")
            return answer
        failing, policy = True, RETRY_A_LITTLE
        on_status(failure)
        # An eighth of how long it has been down, so that a long outage costs few tries.
        pause = min(max((workflow.now() - began) / 8, DOWN_PAUSE_MIN), DOWN_PAUSE_MAX)
        workflow.set_current_details(f"{failure}; trying again in {humanize(pause)}")
        await workflow.sleep(pause, summary=f"until it can {name} again")


def _describe(method: Callable[..., Any]) -> str:
    return method.__name__.replace("_", " ")


def _describe_failure(error: ActivityError | ApplicationError) -> str:
    """Return what failed if a retry may help; raise it otherwise."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        if cause.non_retryable:
            raise cause from None
        return textwrap.shorten(cause.message, REASON_MAX)
    if isinstance(cause, TimedOut):
        return "no answer in time"
    raise error


def exponential_backoff(pause: timedelta, times: int, most: timedelta) -> timedelta:
    """Return a pause that doubles each time, up to `most`."""
    return min(pause * (1 << min(times, 30)), most)


def humanize(pause: timedelta) -> str:
    seconds = round(pause.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"


def format_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def refuse(error: Refused) -> NoReturn:
    """Refuse an update: its caller is answered by an ApplicationError alone, any other error hangs it."""
    field = error.field if isinstance(error, Invalid) else None
    raise ApplicationError(str(error), field, type=error.code, non_retryable=True)


def check(rule: Callable[[], None]) -> None:
    """Check a rule of the domain, and refuse the update when the rule refuses."""
    try:
        rule()
    except Refused as error:
        refuse(error)


def read_signal(kind: type[Message], arguments: Sequence[RawValue], correlation_id: str) -> Message:
    """
    Return the message that a signal carries, or refuse it and say what cannot be read.

    Whoever sends a signal names himself, or nobody: its request is on record as unverified.
    """
    converter = workflow.payload_converter()
    try:
        said = converter.from_payload(arguments[0].payload, dict) if arguments else {}
        given = said.get("request")
        by = given if isinstance(given, dict) else {}
        request = make_unverified_request(
            by.get("actor") or "operator", by.get("correlation_id") or correlation_id
        )
        whole = {**said, "request": request}
        return converter.from_payload(converter.to_payload(whole), kind)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # whatever JSON somebody sent, the workflow goes on
        problem = textwrap.shorten(str(error), REASON_MAX)
        refuse(Invalid("input", f"cannot be read as {kind.__name__}: {problem}"))


class WorkflowBase:
    """
    The base of every workflow: its timeline, and one sentence on what it waits for.

    `subject` is the argument of continue-as-new: the run that follows reads everything else from the
    database. While it is None the workflow does not continue as new.
    """

    def __init__(self, subject: Any = None) -> None:
        self.subject = subject
        # Somebody asks to go on at once, of what has a signal for that.
        self.retry_requested = False
        self.entries: list[TimelineEntry] = []
        # Handlers interleave at every await; those that change the record hold this lock.
        self.lock = asyncio.Lock()

    def note(self, what: str) -> None:
        """Add a line to the timeline, and show it in the Web UI as the current state."""
        self.entries.append(TimelineEntry(workflow.now(), what))
        workflow.set_current_details(what)

    def note_ignored(self, what: str) -> None:
        """Add a line to the timeline; what the workflow waits for is still the current state."""
        self.entries.append(TimelineEntry(workflow.now(), what))

    async def outlast_cancellation(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do the work of this workflow to its end; a request to cancel the workflow does not end it."""
        task = asyncio.create_task(work)
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.done():
                    raise
                await self.answer_cancellation()

    async def answer_cancellation(self) -> None:
        """Take a request to cancel the workflow as what it means: nothing, for work that must go on."""
        self.note_ignored("cancelling this workflow changes nothing: it goes on")

    @workflow.query(description="What has happened so far")
    def timeline(self) -> list[TimelineEntry]:
        return self.entries

    async def run_until_accepted(
        self,
        method: Callable[[Any, Message], Awaitable[Answer]],
        message: Message,
        limit: timedelta = ACTIVITY_TIMEOUT,
    ) -> Answer:
        """
        Run an activity until it is accepted: a refusal is noted, and the activity is tried again after a pause,
        or as soon as somebody asks for that.
        """
        refused = 0
        while True:
            try:
                return await run_activity(method, message, limit, self.note_stuck)
            except ApplicationError as error:
                self.note_stuck(refusal := f"cannot go on: {error.message}")
                pause = exponential_backoff(REFUSED_PAUSE_MIN, refused, REFUSED_PAUSE_MAX)
                workflow.set_current_details(f"{refusal}; trying again in {humanize(pause)}")
                deadline = workflow.now() + pause
                await self.wait_until(
                    deadline, lambda: self.retry_requested, "until the refusal is resolved"
                )
                self.retry_requested = False
                refused += 1

    def note_stuck(self, why: str) -> None:
        """Note, once, why the workflow does not go on; continue as new if that lasts long."""
        if not self.entries or self.entries[-1].what != why:
            self.note(why)
        self.continue_as_new_if_long()

    def continue_as_new_if_long(self) -> None:
        """
        Continue as new before the history grows too long for the server.

        Signals that were not acted on are lost. Only a workflow that then does by itself what they
        asked for has a subject.
        """
        if self.is_long():
            workflow.continue_as_new(self.subject, search_attributes=get_shown())

    def is_long(self) -> bool:
        """Return whether to continue as new; not while a caller waits, who would never be answered."""
        if self.subject is None or not workflow.info().is_continue_as_new_suggested():
            return False
        return workflow.all_handlers_finished()

    def make_key(self) -> str:
        """Name what is asked: the same request, asked again, is answered again."""
        asked = workflow.current_update_info()
        return asked.id if asked else str(workflow.uuid4())

    async def wait_until(
        self, deadline: datetime | None, condition: Callable[[], bool], summary: str
    ) -> None:
        """
        Wait for a condition, at most until the deadline if there is one; the timer survives any restart.
        A workflow that is fed meanwhile, until its history is long, continues as new and waits there.
        """
        left = None if deadline is None else max(deadline - workflow.now(), timedelta(0))
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: condition() or self.is_long(), timeout=left, timeout_summary=summary
            )
        if not condition():
            self.continue_as_new_if_long()
