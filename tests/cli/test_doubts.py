"""Releases where a chain in memory has moved on, or has forgotten; each on a book of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import time_ns
from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.payments import PaymentActivities
from activities.reconciliation import ReconciliationActivities
from adapters.postgres import audit
from adapters.postgres import payments as records
from adapters.stellar.proofs import Proofs
from adapters.stellar.treasuries import TreasuryHistory
from cli.releases import Desk, Word, release
from domain.attempts import Attempt, Observation, Outcome, SettlementRail, Sighting
from domain.errors import Conflict
from domain.payments import Payment, Treasury
from domain.reconciliation import Run
from domain.shares import alone
from sandbox.stack import Stack
from sandbox.stellar.faults import Fault
from tests.driven import play_temporal
from tests.machines import Book, scratch_book
from tests.schedules import BOND, CHANNEL_KEYS, ISSUER, PASSPHRASE, POOL, World

TREASURIES = {BOND.public_key: Treasury.BOND, POOL.public_key: Treasury.POOL}
RETENTION = 3
FORGOTTEN = "consumed in ledgers that no node remembers"


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
        async with self.book.database.transaction() as connection:
            # The ledgers of a new chain have the numbers of those of the last.
            await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in ("chain_transfers", "chain_gaps", "chain_cursor"):
                await connection.exec_driver_sql(f"DELETE FROM {table}")

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

    async def sent(self) -> Attempt:
        attempt = await self.prepared()
        await self.world.steps.submit_payment(attempt)
        self.world.close_ledgers(2)
        return attempt

    async def stolen(self) -> Attempt:
        """The sequence is used by somebody else, so that the payment's own bytes never land."""
        attempt = await self.prepared()
        (key,) = [key for key in CHANNEL_KEYS if key.public_key == attempt.channel]
        await self.world.use_channel(key)
        return attempt

    async def forgotten(self, attempt: Attempt) -> None:
        """The signer is away for longer than any node remembers, and finds what it cannot explain."""
        self.world.close_ledgers(40)
        self.world.plan([Fault("short_retention", value=RETENTION)], 0)
        seen = await self.world.steps.observe_payment(attempt)
        assert (seen.outcome, seen.reason) == (Outcome.FOREIGN, FORGOTTEN)
        await self.quarantine(attempt, seen)

    async def reconciled(self) -> None:
        """The book reads what the nodes remember of the chain."""
        nodes = self.world.rail.nodes
        history = TreasuryHistory(nodes, PASSPHRASE, ISSUER.public_key, list(TREASURIES))
        steps = ReconciliationActivities(self.book.database, history, TREASURIES)
        await steps.read_chain(Run(datetime.now(UTC)))

    async def release(self, attempt: Attempt, evidence: str = "") -> None:
        client = cast(Client, self.lives)
        desk = Desk(self.book.database, self.world.rail.nodes, PASSPHRASE, client)
        await release(desk, Word(attempt.channel, "Ada", "ticket 4711", evidence))

    async def leaf(self, attempt: Attempt) -> dict[str, Any]:
        """What the audit trail says of the last release."""
        async with self.book.database.autocommit() as connection:
            trail = await audit.trail(connection, f"channel/{attempt.channel}")
        return dict(trail[-1]["evidence"])

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


def test_what_the_book_saw_paid_is_not_paid_again_though_nodes_forgot(book: Book) -> None:
    async def told(here: Scene, attempt: Attempt) -> str:
        await here.reconciled()
        await here.forgotten(attempt)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt, evidence="nothing was found")
        return str(refused.value)

    with scene(book) as here:
        attempt = book.loop.run(here.sent())
        said = book.loop.run(told(here, attempt))
        ((hash_, _),) = here.world.witness()[here.payment.number]
        assert f"the money moved, in transaction {hash_} of ledger " in said
        assert "must not be made again" in said
        assert "will be confirmed" in said
        assert here.lives.told == [f"payment/{here.payment.id}"]
        assert book.loop.run(here.status()) == "quarantined"


def test_what_strange_bytes_paid_is_not_paid_again(book: Book) -> None:
    """Whoever holds our seeds has paid it by bytes we never stored, on another channel."""

    async def told(here: Scene) -> tuple[str, str]:
        attempt = await here.stolen()
        other = next(key for key in CHANNEL_KEYS if key.public_key != attempt.channel)
        sequence = (await here.world.rail.channel_sequences())[other.public_key] + 1
        strange = await here.world.rail.sign(
            [alone(here.payment)], SettlementRail.SOROBAN, other.public_key, sequence, 0
        )
        await here.world.rail.send(strange.xdr)
        here.world.close_ledgers(2)
        await here.reconciled()
        foreign = Observation(Outcome.FOREIGN, reason="consumed by bytes we do not know")
        await here.quarantine(attempt, foreign)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        return strange.hash, str(refused.value)

    with scene(book) as here:
        hash_, said = book.loop.run(told(here))
        assert f"transaction {hash_} of ledger " in said
        assert "by other bytes than its own" in said
        assert "must not be made again" in said
        assert book.loop.run(here.status()) == "quarantined"


def test_forgotten_ledgers_that_the_book_has_read_show_that_nothing_moved(book: Book) -> None:
    async def told(here: Scene) -> dict[str, Any]:
        attempt = await here.stolen()
        here.world.close_ledgers(40)
        await here.reconciled()
        await here.forgotten(attempt)
        await here.release(attempt)
        return await here.leaf(attempt)

    with scene(book) as here:
        proof = book.loop.run(told(here))["proof"]
        assert FORGOTTEN in proof
        assert "reconciliation has read" in proof
        assert book.loop.run(here.status()) == "pending"


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("reads", ["nothing", "too little", "with a gap"])
def test_what_nobody_remembers_is_released_by_nobodys_silence(
    book: Book, reads: str, landed: bool
) -> None:
    """Whether it was paid or not, nothing here can tell: a person has to look elsewhere."""

    async def told(here: Scene) -> str:
        if reads != "nothing":
            await here.reconciled()
        attempt = await (here.sent() if landed else here.stolen())
        await here.forgotten(attempt)
        if reads == "with a gap":
            await here.reconciled()
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        assert await here.status() == "quarantined"
        assert here.lives.told == []
        assert attempt.hash in str(refused.value)
        return str(refused.value)

    with scene(book) as here:
        said = book.loop.run(told(here))
        assert "no node remembers" in said
        assert "--evidence" in said


def test_what_an_archive_showed_releases_it_and_is_written_down(book: Book) -> None:
    async def told(here: Scene) -> dict[str, Any]:
        attempt = await here.stolen()
        await here.forgotten(attempt)
        await here.release(attempt, evidence="archive.example: a bump, no payment")
        return await here.leaf(attempt)

    with scene(book) as here:
        evidence = book.loop.run(told(here))
        assert evidence["seen_elsewhere"] == "archive.example: a bump, no payment"
        assert FORGOTTEN in evidence["proof"]
        assert book.loop.run(here.status()) == "pending"
