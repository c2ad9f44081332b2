"""Releases where a chain in memory has moved on, or has forgotten; each on a book of its own."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import time_ns
from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.payments import PaymentActivities
from adapters.postgres import payments as records
from adapters.stellar.proofs import Proofs
from cli.releases import Desk, release
from domain.attempts import Attempt, Observation, Outcome, Sighting
from domain.errors import Conflict
from domain.payments import Payment
from sandbox.stack import Stack
from tests.driven import play_temporal
from tests.machines import Book, scratch_book
from tests.schedules import PASSPHRASE, World


@pytest.fixture(scope="module")
def book(stack: Stack) -> Iterator[Book]:
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        with scratch_book(stack.environment["DATABASE_URL"]) as made:
            yield made


class Lives:
    """Stands in for Temporal: who is told to go on."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def get_workflow_handle(self, name: str) -> "Life":
        return Life(self, name)


class Life:
    def __init__(self, lives: Lives, name: str) -> None:
        self.lives = lives
        self.name = name

    async def signal(self, signal: str, **_: Any) -> None:
        assert signal == "retry"
        self.lives.told.append(self.name)


class Scene:
    """One payment on a chain of its own, and an operator who is asked to release its channel."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.lives = Lives()
        self.world = World(book.database, PaymentActivities)

    async def begin(self) -> None:
        await self.world.begin(time_ns() >> 8, f"doubts-{uuid4().hex[:6]}", 1)

    @property
    def payment(self) -> Payment:
        return self.world.lives[0].payment

    async def prepared(self) -> Attempt:
        preparation = await self.world.steps.prepare_payment(self.payment)
        assert preparation.attempt is not None
        return preparation.attempt

    async def quarantine(self, attempt: Attempt, seen: Observation) -> None:
        sighting = Sighting(self.payment, attempt, seen, datetime.now(UTC))
        await self.world.steps.quarantine_payment(sighting)

    async def release(self, attempt: Attempt) -> None:
        client = cast(Client, self.lives)
        desk = Desk(self.book.database, self.world.rail.nodes, PASSPHRASE, client)
        await release(desk, attempt.channel, "Ada", "ticket 4711")

    async def status(self) -> str:
        async with self.book.database.autocommit() as connection:
            return str((await records.get(connection, self.payment.id))["status"])


@contextmanager
def scene(book: Book) -> Iterator[Scene]:
    made = Scene(book)
    book.loop.run(made.begin())
    try:
        yield made
    finally:
        book.loop.run(made.world.rail.watch.close())


def refusal(book: Book, asked: Coroutine[Any, Any, None]) -> str:
    with pytest.raises(Conflict) as refused:
        book.loop.run(asked)
    return str(refused.value)


def test_bytes_signed_while_others_were_proven_dead_are_not_called_dead(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof takes its time; the payment's life may sign again on the same sequence meanwhile."""

    async def told(here: Scene) -> str:
        attempt = await here.prepared()
        here.world.close_ledgers(attempt.max_ledger)
        foreign = Observation(Outcome.FOREIGN, reason="consumed by bytes we do not know")
        await here.quarantine(attempt, foreign)
        await here.world.close_breaker()
        proven, signed = Proofs.is_dead_everywhere, list[Attempt]()

        async def and_then_signed(proofs: Proofs, dead: Attempt) -> bool:
            said = await proven(proofs, dead)
            signed.append(await here.prepared())
            return said

        monkeypatch.setattr(Proofs, "is_dead_everywhere", and_then_signed)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        assert signed[0].hash != attempt.hash
        await here.world.steps.submit_payment(signed[0])
        here.world.close_ledgers(2)
        seen = await here.world.steps.observe_payment(signed[0])
        await here.world.steps.book_payment(
            Sighting(here.payment, signed[0], seen, datetime.now(UTC))
        )
        assert await here.status() == "confirmed"
        assert len(here.world.witness()[here.payment.number]) == 1
        return str(refused.value)

    with scene(book) as here:
        assert "has moved on meanwhile; look again" in book.loop.run(told(here))
