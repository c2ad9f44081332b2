"""
The dispatcher: finds the deliveries that are due in the database, and makes their first attempts.

It runs in every process that serves the queue `webhooks`. What it claims nobody else tries for half a minute; what
a killed process had claimed is found again after that. A delivery that failed gets a workflow, and stays due until
that runs. Each receiver has only so many posts at once, so that one that never answers is in no other's way.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.integration.delivery_notices import DeliveryNotices
from activities.integration.delivery_poster import DeliveryPoster
from activities.integration.receiver_limits import ReceiverLimits
from adapters.postgres.database import Database
from adapters.postgres.integration.due_deliveries import PendingDelivery
from domain.deliveries import Delivery, DeliveryStatus
from domain.errors import ApexError, TryAgain
from services.integration.deliveries.abandon_delivery import abandon_delivery
from services.integration.deliveries.claim_due import claim_due
from services.integration.deliveries.hand_over_deliveries import hand_over_deliveries
from services.integration.deliveries.record_attempts import AnsweredPost, record_attempts
from workflows.webhooks import WebhookWorkflow

log = logging.getLogger(__name__)
# Idle, it looks so often; whoever waits for a delivery in this process wakes it.
POLL_SECONDS = 0.2
# What comes at once is claimed at once.
GATHER_SECONDS = 0.01
AWAY_SECONDS = 1.0
POSTS_MAX = 1024
CLAIMED_MAX = 256
RECORDED_MAX = 256
# Posts that are on their way when the process is stopped have so long to be recorded.
STOP_SECONDS = 5.0
RPC_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class FinishedPost:
    pending: PendingDelivery
    answered: AnsweredPost


class Dispatcher:
    def __init__(
        self,
        database: Database,
        client: Client,
        poster: DeliveryPoster,
        limits: ReceiverLimits,
        notices: DeliveryNotices,
    ) -> None:
        self.database, self.client, self.poster = database, client, poster
        self.limits, self.notices = limits, notices
        self.stopping = False
        self._posts = set[asyncio.Task[None]]()
        self._handing = set[asyncio.Task[None]]()
        self._claiming: asyncio.Task[None] | None = None
        self._finished = asyncio.Queue[FinishedPost]()

    async def run(self) -> None:
        """Dispatch for as long as this process runs."""
        async with asyncio.TaskGroup() as group:
            self._claiming = group.create_task(self._claim_all())
            group.create_task(self._record_all())

    async def stop(self) -> None:
        """Claim nothing more, and let what is on its way be recorded; what is not is found due again."""
        self.stopping = True
        self.notices.wake()
        if self._claiming is not None:
            # Not cancelled in the middle of a connection, which nobody would close.
            await asyncio.wait([self._claiming], timeout=STOP_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._finished.join()
                while self._posts:
                    await asyncio.wait(self._posts)
                    await self._finished.join()
        left = list(self._posts)
        for post in left:
            post.cancel()
        await asyncio.gather(*left, *self._handing, return_exceptions=True)

    async def _claim_all(self) -> None:
        while not self.stopping:
            self.notices.due.clear()
            pause = POLL_SECONDS
            try:
                if await self._claim():
                    pause = GATHER_SECONDS
            except ApexError as error:
                log.warning("deliveries are claimed again in %g seconds: %s", AWAY_SECONDS, error)
                pause = AWAY_SECONDS
            except Exception:
                # A defect must not end it: nobody else makes first attempts.
                log.exception("claiming deliveries failed; again in %g seconds", AWAY_SECONDS)
                pause = AWAY_SECONDS
            await self._await_due(pause)

    async def _await_due(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.notices.due.wait()
                await asyncio.sleep(GATHER_SECONDS)

    async def _claim(self) -> bool:
        """Claim what is due and begin to post it; return whether more may be due."""
        room = min(POSTS_MAX - len(self._posts), CLAIMED_MAX)
        if room <= 0:
            return True
        claimed = await claim_due(self.database, self.limits.list_busy(), room)
        for pending in claimed:
            self.limits.take(pending.webhook_id)
            post = asyncio.create_task(self._dispatch(pending))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
        return len(claimed) == room

    async def _dispatch(self, pending: PendingDelivery) -> None:
        # More may be due to its receiver than could be claimed.
        full = not self.limits.has_room(pending.webhook_id, pending.failures)
        try:
            if pending.deleted:
                await abandon_delivery(self.database, pending.id)
            elif _is_to_wait(pending):
                await self._hand_over([pending])
            else:
                answered = await self.poster.post(pending)
                self._finished.put_nowait(FinishedPost(pending, answered))
        except (ApexError, RPCError) as error:
            log.warning("delivery %s is tried again in a while: %s", pending.id, error)
        except Exception:
            log.exception("delivery %s is tried again in a while", pending.id)
        finally:
            self.limits.release(pending.webhook_id)
            if full:
                self.notices.wake()

    async def _record_all(self) -> None:
        while True:
            finished = [await self._finished.get()]
            while len(finished) < RECORDED_MAX and not self._finished.empty():
                finished.append(self._finished.get_nowait())
            await self._record(finished)
            self._conclude(finished)
            for _ in finished:
                self._finished.task_done()

    async def _record(self, finished: Sequence[FinishedPost]) -> None:
        """Record attempts together, as soon as the database answers."""
        while True:
            try:
                await record_attempts(self.database, [each.answered for each in finished])
            except TryAgain as error:
                log.warning("attempts are recorded again in %g seconds: %s", AWAY_SECONDS, error)
                await asyncio.sleep(AWAY_SECONDS)
            except Exception:
                # One of them cannot be recorded: the others can, and that one is repeated.
                log.exception("%d attempts could not be recorded", len(finished))
                for each in finished if len(finished) > 1 else ():
                    await self._record([each])
                break
            else:
                break

    def _conclude(self, finished: Sequence[FinishedPost]) -> None:
        """Wake who waits for these deliveries, and start the workflows of those that failed."""
        self.notices.announce({each.pending.outage_id for each in finished})
        failed = DeliveryStatus.PENDING
        waiting = [each for each in finished if each.answered.attempt.status is failed]
        if waiting:
            handing = asyncio.create_task(self._hand_over_failed(waiting))
            self._handing.add(handing)
            handing.add_done_callback(self._handing.discard)

    async def _hand_over_failed(self, finished: Sequence[FinishedPost]) -> None:
        due = [(each.pending, each.answered.attempt.next_attempt_at) for each in finished]
        try:
            await self._start_workflows(due)
        except (ApexError, RPCError) as error:
            log.warning("%d deliveries get their workflows in a while: %s", len(due), error)

    async def _hand_over(self, deliveries: Sequence[PendingDelivery]) -> None:
        await self._start_workflows([(each, each.next_attempt_at) for each in deliveries])

    async def _start_workflows(
        self, due: Sequence[tuple[PendingDelivery, datetime | None]]
    ) -> None:
        """Start the workflow of each delivery, which goes on when its next attempt is due."""
        await asyncio.gather(*(self._start_workflow(*each) for each in due))
        await hand_over_deliveries(self.database, [pending for pending, _ in due])

    async def _start_workflow(self, pending: PendingDelivery, due_at: datetime | None) -> None:
        pause = timedelta() if due_at is None else max(due_at - datetime.now(UTC), timedelta())
        await self.client.start_workflow(
            WebhookWorkflow.run,
            Delivery(pending.id),
            id=f"webhook/{pending.id}",
            task_queue="webhooks",
            # The rest of its URL is a secret.
            static_summary=f"{pending.type} to {urlsplit(pending.url).hostname}"[:200],
            start_delay=pause,
            # One that runs has pauses from before this attempt.
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            rpc_timeout=RPC_TIMEOUT,
        )


def _is_to_wait(pending: PendingDelivery) -> bool:
    """
    Tell whether an attempt failed not long ago, and whoever made it could not start the workflow. What a
    disabled receiver is probed with does not wait.
    """
    then = pending.next_attempt_at
    return pending.active and then is not None and then > datetime.now(UTC)


def make_dispatching(
    database: Database,
    poster: DeliveryPoster,
    limits: ReceiverLimits,
    notices: DeliveryNotices,
    stack: AsyncExitStack,
) -> Callable[[Client], Awaitable[None]]:
    """Return what starts the dispatcher of a worker, and stops it with the worker."""

    async def begin(client: Client) -> None:
        dispatcher = Dispatcher(database, client, poster, limits, notices)
        stack.push_async_callback(_stop, dispatcher, asyncio.create_task(dispatcher.run()))

    return begin


async def _stop(dispatcher: Dispatcher, task: "asyncio.Task[None]") -> None:
    await dispatcher.stop()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
