"""
Brings outages in line with the episodes of alerts: what a source sent becomes one, whatever dies meanwhile.

Due episodes are taken by whichever worker looks first, for so long that it can ask the workflow. What it asks
has the same ids each time, so that whoever asks again reaches the same.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from adapters import logs
from adapters.postgres.database import Database
from domain.errors import ApexError, Conflict, Invalid, Refused
from domain.sla.intake.alignments import (
    AlignmentStep,
    OutageStanding,
    choose_step,
    describe_judged,
)
from domain.sla.intake.episodes import Episode, EpisodeStatus
from domain.sla.outages import OutageStatus
from services.sla.intake.ask_silent_episodes import ask_silent_episodes
from services.sla.intake.conclude_episode import Concluded, conclude_episode
from services.sla.intake.take_due_episodes import take_due_episodes
from services.sla.outages.read_standing import read_standing
from worker.intake.outage_requests import OutageRequests

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
ASK_SECONDS = 30.0
AT_ONCE = 12
PAUSE_MIN, PAUSE_MAX = timedelta(seconds=1), timedelta(minutes=5)
# What a workflow answers that repeating cannot change.
_FINAL = (Invalid.code, Refused.code)


class EpisodeDriver:
    def __init__(self, database: Database, requests: OutageRequests) -> None:
        self.database = database
        self.requests = requests
        self.stopping = False
        self.running = set[asyncio.Task[None]]()

    async def run(self) -> None:
        """Serve for as long as this process runs."""
        last_asked = -ASK_SECONDS
        while not self.stopping:
            try:
                await self.look()
                if time.monotonic() - last_asked >= ASK_SECONDS:
                    await ask_silent_episodes(self.database, datetime.now(UTC))
                    last_asked = time.monotonic()
            except ApexError as error:
                log.warning("episodes wait %g seconds: %s", LOOK_SECONDS, error)
            except Exception:
                # A defect must not end it: nothing else would declare these outages.
                log.exception("episodes wait %g seconds", LOOK_SECONDS)
            await self._rest()

    async def look(self) -> None:
        """Take what is due, as far as there is room for it; one that waits for its workflow delays no other."""
        room = AT_ONCE - len(self.running)
        if room > 0:
            for episode, tries in await take_due_episodes(self.database, datetime.now(UTC), room):
                task = asyncio.create_task(self._drive(episode, tries))
                self.running.add(task)
                task.add_done_callback(self.running.discard)

    async def _rest(self) -> None:
        """Wait for the next look; while there is no room, only until there is some."""
        if len(self.running) < AT_ONCE:
            return await asyncio.sleep(LOOK_SECONDS)
        ended = asyncio.FIRST_COMPLETED
        await asyncio.wait(self.running, timeout=LOOK_SECONDS, return_when=ended)

    async def _drive(self, episode: Episode, tries: int) -> None:
        with logs.replace_context(correlation_id=episode.id, outage_id=episode.id):
            concluded = await self._try(episode, tries)
            try:
                await conclude_episode(self.database, episode, concluded, datetime.now(UTC))
            except ApexError as error:
                log.info("the episode is taken again: %s", error)
            except Exception:
                log.exception("the episode is taken again")

    async def _try(self, episode: Episode, tries: int) -> Concluded:
        known: OutageStanding | None = None
        try:
            known = await read_standing(self.database, episode, datetime.now(UTC))
            return await self._align(episode, known)
        except WorkflowUpdateFailedError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type in _FINAL:
                return _refuse(episode, known, tries, error.cause)
            return _postpone(tries, error)
        except Conflict as error:
            return _postpone(tries, error)  # it was changed a moment ago: look again
        except Refused as error:
            return _refuse(episode, known, tries, error)
        except (ApexError, RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            return _postpone(tries, error)

    async def _align(self, episode: Episode, known: OutageStanding | None) -> Concluded:
        """Do the next thing that is missing."""
        step = choose_step(episode, known)
        if step is AlignmentStep.DECLARE:
            await self.requests.declare(episode)
            known = OutageStanding(OutageStatus.DECLARED)
            step = choose_step(episode, known)
        if step is AlignmentStep.RESOLVE:
            await self.requests.resolve(episode)
        elif step is AlignmentStep.CANCEL:
            await self.requests.cancel(episode)
        elif step is AlignmentStep.REOPEN:
            return await self._reopen(episode)
        elif step is AlignmentStep.ASK and known is not None:
            return Concluded(refusal=describe_judged(episode, known), has_outage=True)
        return Concluded(
            reopened=step is AlignmentStep.COUNT, continued=step is AlignmentStep.CONTINUE
        )

    async def _reopen(self, episode: Episode) -> Concluded:
        """What has fired again is reopened while that can be; later it goes on as another outage."""
        try:
            await self.requests.reopen(episode)
        except Conflict:
            if not episode.wants_reopening:
                raise
            return Concluded(continued=True)
        if episode.status is EpisodeStatus.DISMISSED:
            return Concluded(due_at=datetime.now(UTC))  # to be cancelled next
        return Concluded(reopened=True)


def _refuse(
    episode: Episode, known: OutageStanding | None, tries: int, error: Exception
) -> Concluded:
    """Conclude that a person has to decide; of a dismissed episode nobody is asked again: its outage may be cancelled later."""
    if episode.status is EpisodeStatus.DISMISSED:
        return _postpone(tries, error)
    message = error.message if isinstance(error, ApplicationError) else str(error)
    return Concluded(refusal=message, has_outage=known is not None)


def _postpone(tries: int, error: Exception) -> Concluded:
    pause = min(PAUSE_MIN * 2 ** min(tries, 10), PAUSE_MAX)
    log.warning("the outage of an episode waits %s: %s", pause, error)
    return Concluded(due_at=datetime.now(UTC) + pause)


def make_episode_driver(
    database: Database, network: str, stack: AsyncExitStack
) -> Callable[[Client], Awaitable[None]]:
    """Return what starts the driver of a worker, and stops it with the worker."""

    async def begin(client: Client) -> None:
        driver = EpisodeDriver(database, OutageRequests(database, client, network))
        stack.push_async_callback(_stop, driver, asyncio.create_task(driver.run()))

    return begin


async def _stop(driver: EpisodeDriver, task: "asyncio.Task[None]") -> None:
    driver.stopping = True
    for each in (task, *driver.running):
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
