"""A server that skips time, with a fake for every activity, on which scenes are played."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from tests.workflows.conftest import FakeActivities, until
from tests.workflows.fakes.fake_payment_activities import build_payment
from workflows.payments import PaymentWorkflow
from workflows.runtime import WorkflowBase

Handle = WorkflowHandle[Any, Any]
# Workflows, by the names of the files that their histories are kept in.
Kept = dict[str, Handle]


class Stage:
    """The server, and the fake activities of one scene."""

    def __init__(self, environment: WorkflowEnvironment, activities: FakeActivities) -> None:
        self.environment = environment
        self.client: Client = environment.client
        self.activities = activities

    async def begin(self, run: Any, message: Any, id: str, queue: str = "settlement") -> Handle:
        arguments = [] if message is None else [message]
        return await self.client.start_workflow(run, args=arguments, id=id, task_queue=queue)

    async def pay(self, name: str) -> Handle:
        return await self.begin(PaymentWorkflow.run, build_payment(name), f"payment/{name}")

    @asynccontextmanager
    async def waiting(self, handle: Handle, for_what: str) -> AsyncIterator[None]:
        """Do something to a workflow that waits, before any of its time passes."""
        with self.environment.with_time_skipping_disabled():
            await self.noted(handle, for_what)
            yield

    async def noted(self, handle: Handle, what: str, times: int = 1) -> None:
        await until(lambda: read_timeline(handle), lambda lines: str(lines).count(what) == times)


async def read_timeline(handle: Handle) -> list[str]:
    return [entry.what for entry in await handle.query(WorkflowBase.timeline)]


@dataclass(frozen=True)
class Scene:
    """What happens on a stage, and the names under which its histories are kept."""

    play: Callable[[Stage], Awaitable[Kept]]
    names: frozenset[str]

    async def record(self, stage: Stage) -> Kept:
        """Play it, and return exactly the histories that it names."""
        kept = await self.play(stage)
        assert kept.keys() == self.names, f"{self.play.__name__} keeps other histories than it says"
        return kept


def keeps(*names: str) -> Callable[[Callable[[Stage], Awaitable[Kept]]], Scene]:
    """Say which histories a scene keeps, so that a test can ask for each of them."""
    return lambda play: Scene(play, frozenset(names))
