"""
Real outages played through the public API: declared, resolved, and followed until the money moved.

Few calls are in flight at a time, but any number of outages: each is left to its dispute window
and its payment, and its end is read from the feed, one page for all of them.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devstack.replay.api_client import (
    FEED_SIZE,
    EngineClient,
    RequestRefused,
    RequestTimedOut,
)
from devstack.replay.outage_records import OutageRecord, RejectedRecord

LOOK_SECONDS = 0.3
CONFLICT = 409
ENDED = {"outage.closed": "closed", "outage.cancelled": "cancelled"}


@dataclass
class Played:
    """One outage of the file, and how far it has come."""

    recorded: OutageRecord
    lifecycle: str = ""
    sla_status: str = ""
    known_before: bool = False
    closed_before: bool = False

    @property
    def id(self) -> str:
        return self.recorded.outage.id

    @property
    def ended(self) -> bool:
        return self.lifecycle in ENDED.values()


@dataclass
class Replay:
    """Plays outages; what came of it afterwards is in its attributes."""

    engine: EngineClient
    played: dict[str, Played]
    refused: list[RejectedRecord]
    changed: Callable[["Replay"], None] = lambda replay: None
    declare_seconds: list[float] = field(default_factory=list)
    resolve_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    stalled: str = ""
    # On the monotonic clock: when something moved last, or is expected to move next.
    moved_at: float = field(default_factory=time.monotonic)
    # Another run of the same file is another caller, so that it learns what it did not do itself.
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def closed(self) -> list[Played]:
        return [each for each in self.played.values() if each.lifecycle == "closed"]

    async def play(self, concurrency: int) -> None:
        """Return when every outage has ended, or when nothing moves any more."""
        try:
            cursor = await self.engine.feed_end()
            began = time.monotonic()
            waiting = iter(list(self.played.values()))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow(cursor))
                    for _ in range(concurrency):
                        group.create_task(self._take_turns(waiting))
            finally:
                self.seconds = time.monotonic() - began
        except* RequestTimedOut as failures:
            self.stalled = str(failures.exceptions[0])

    async def _take_turns(self, waiting: Any) -> None:
        for each in waiting:
            try:
                await self._begin(each)
            except RequestRefused as refusal:
                self._refuse(each, str(refusal))
            self.changed(self)

    async def _begin(self, each: Played) -> None:
        """Take an outage as far as a caller can: the rest is the engine's."""
        key = f"replay-{self.run}-{each.id}"
        answer = await self.engine.ask("POST", "/outages", each.recorded.declaration(), key)
        self._move()
        self.declare_seconds.append(answer.seconds)
        each.known_before = answer.status == 200
        self._see(each, answer.body)
        each.closed_before = each.known_before and each.lifecycle == "closed"
        if each.lifecycle == "cancelled":
            raise RequestRefused(CONFLICT, f"outage {each.id!r} is cancelled")
        if each.lifecycle == "declared":
            await self._resolve(each, f"{key}-resolve")

    async def _resolve(self, each: Played, key: str) -> None:
        path = f"/outages/{each.id}"
        body = {"resolved_at": each.recorded.resolved_at}
        try:
            answer = await self.engine.ask("POST", f"{path}/resolve", body, key)
        except RequestRefused as refusal:
            if refusal.status != CONFLICT:
                raise
            # Somebody else resolved it a moment ago.
            self._see(each, await self.engine.get(path))
            return
        self._move()
        self.resolve_seconds.append(answer.seconds)
        self._see(each, answer.body["outage"])

    def _see(self, each: Played, outage: dict[str, Any]) -> None:
        verdict = outage["sla_status"]
        each.sla_status = verdict["status"] if verdict else ""
        if not each.ended:  # the feed may have been quicker
            each.lifecycle = outage["lifecycle"]
        if outage["dispute_deadline"] and not each.ended:
            deadline = datetime.fromisoformat(outage["dispute_deadline"])
            left = (deadline - datetime.now(UTC)).total_seconds()
            self._move(left)

    def _move(self, seconds_from_now: float = 0) -> None:
        self.moved_at = max(self.moved_at, time.monotonic() + seconds_from_now)

    def _refuse(self, each: Played, reason: str) -> None:
        del self.played[each.id]
        self.refused.append(RejectedRecord(each.id, reason))

    async def _follow(self, cursor: str) -> None:
        while going := [each for each in self.played.values() if not each.ended]:
            happened, cursor = await self.engine.feed(cursor)
            for event in happened:
                each = self.played.get(event["outage_id"])
                if each and event["type"] in ENDED:
                    each.lifecycle = ENDED[event["type"]]
                    self._move()
            self.changed(self)
            patience = self.engine.patience_seconds
            if time.monotonic() - self.moved_at > patience:
                raise RequestTimedOut(
                    f"nothing moved for {patience:.0f} s, {len(going)} are not closed"
                )
            if len(happened) < FEED_SIZE:
                await asyncio.sleep(LOOK_SECONDS)
