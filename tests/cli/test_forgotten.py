"""
Releasing a channel whose sequence was consumed in ledgers that no node remembers: what reconciliation
has read of them decides, or what a person found elsewhere; never that nobody knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from secrets import token_hex

import httpx
import pytest
from sqlalchemy import delete, insert, update

from activities.payments import PaymentActivities
from adapters.postgres import attempts, channels, reconciliation
from adapters.postgres.database import Database
from adapters.postgres.tables import chain_gaps, chain_transfers
from adapters.postgres.tables import channels as known_channels
from adapters.stellar import rail as rails
from adapters.stellar.proofs import Doubt, Proofs, Snapshot
from adapters.stellar.rail import Rail
from adapters.stellar.transfers import LEDGERS_TO_LIVE
from cli.releases import Moved, _no_effect
from domain.attempts import Attempt, Observation, Outcome, Sighting
from domain.channels import Held, Release
from domain.errors import Conflict
from domain.payments import Payment
from sandbox.stack import Stack
from tests.cli.test_channels import close_breaker, released, state
from tests.gathering import on_chain, states
from tests.owing import NOW, payment_owed
from tests.support import eventually

FORGET = {"kind": "short_retention", "value": 2}


@pytest.fixture(autouse=True)
async def _breaker(api: httpx.AsyncClient) -> AsyncIterator[None]:
    yield
    await close_breaker(api)


class Amnesia(Proofs):
    """Nodes that show the sequence consumed, and remember none of the ledgers it can have been in."""

    async def snapshot(self, *_asked: object, **_more: object) -> Snapshot:
        return Snapshot(10**6, {})

    async def of_consumed(self, *_asked: object) -> Doubt:
        return Doubt()


async def attempted(database: Database, rail: Rail, payment: Payment) -> tuple[Attempt, Held]:
    """Bytes that were never sent, on a channel that somebody has to release."""
    attempt = (await PaymentActivities(database, rail).prepare_payment(payment)).attempt
    assert attempt is not None
    async with database.autocommit() as connection:
        held = await channels.held(connection, attempt.channel)
    assert held is not None
    assert held.envelopes == [attempt.envelope_hash]
    assert held.numbers == [payment.number]
    return attempt, held


def proven(
    steps: PaymentActivities, attempt: Attempt
) -> Callable[[], Awaitable[Observation | None]]:
    async def look() -> Observation | None:
        seen = await steps.observe_payment(attempt)
        return None if seen.outcome is Outcome.OPEN else seen

    return look


async def test_what_was_paid_while_nobody_looked_is_not_released_and_is_confirmed(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signer was away for longer than nodes remember; reconciliation was not."""
    payment = await payment_owed(database, "FORGOTTEN")
    steps = PaymentActivities(database, rail)
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    await rail.send(attempt.envelope_xdr)
    await eventually(seen_on_chain(database, attempt), "reconciliation has read it", 60)
    foreign = Observation(Outcome.FOREIGN, reason="consumed in ledgers that no node remembers")
    await steps.quarantine_payment(Sighting(payment, attempt, foreign, NOW))
    (await chain.post("/faults", json={"faults": [FORGET]})).raise_for_status()
    try:
        code, said = await released(stack, attempt)
        assert code != 0
        assert "the money moved, in transaction" in said
        assert await state(database, payment) == "quarantined"
        monkeypatch.setattr(rails, "WATCH_SECONDS", 0.3)
        observed = await eventually(proven(steps, attempt), "something is proven", 60)
    finally:
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert (observed.outcome, observed.hash) == (Outcome.SUCCEEDED, attempt.envelope_hash)
    await steps.book_payment(Sighting(payment, attempt, observed, NOW))
    assert await states(database, payment) == [("confirmed", None)]
    assert await on_chain(stack, payment) == [1]
    assert (await released(stack, attempt))[0] == 0


def seen_on_chain(database: Database, attempt: Attempt) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        async with database.autocommit() as connection:
            found = await reconciliation.transfer_of(connection, [attempt.envelope_hash])
        return found is not None

    return look


async def test_what_nobody_remembers_is_released_by_what_was_read_or_found_and_not_otherwise(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "UNKNOWN")
    attempt, held = await attempted(database, rail, payment)
    proofs = Amnesia(rail.nodes, rail.passphrase)
    last = attempt.max_ledger - 1
    gap = {"first_ledger": last, "last_ledger": last}

    async def read() -> bool:
        async with database.autocommit() as connection:
            return await reconciliation.has_read(connection, last - LEDGERS_TO_LIVE, last)

    await eventually(read, "reconciliation has read those ledgers", 60)
    assert "saw no transfer of it" in await _no_effect(database, proofs, held, "")
    async with database.autocommit() as connection:
        await connection.execute(insert(chain_gaps).values(gap))
    try:
        with pytest.raises(Conflict, match="so that nobody knows whether the money moved"):
            await _no_effect(database, proofs, held, "")
        assert (await _no_effect(database, proofs, held, "archive A has none")).endswith(
            "archive A has none"
        )
    finally:
        async with database.autocommit() as connection:
            await connection.execute(delete(chain_gaps).where(chain_gaps.c.first_ledger == last))
    await give_back(database, rail, payment, attempt)


async def test_a_transfer_with_its_number_keeps_it_from_being_paid_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """By bytes the book has lost, as after a restore: only the number is left to know it by."""
    payment = await payment_owed(database, "LOST")
    attempt, held = await attempted(database, rail, payment)
    proofs = Amnesia(rail.nodes, rail.passphrase)
    for hash_, refusal in ((token_hex(32), Conflict), (attempt.envelope_hash, Moved)):
        async with database.autocommit() as connection:
            await connection.execute(insert(chain_transfers).values(transfer(hash_, held)))
        with pytest.raises(refusal, match=hash_):
            await _no_effect(database, proofs, held, "nothing is there")
    await give_back(database, rail, payment, attempt)


def transfer(hash_: str, held: Held) -> dict[str, object]:
    return {
        "position": f"test-{hash_[:8]}",
        "kind": "transfer",
        "transaction_hash": hash_,
        "ledger": 7,
        "closed_at": NOW,
        # Of no treasury of ours, so that nobody compares it with the book meanwhile.
        "from_address": "G" + "A" * 55,
        "to_address": "G" + "B" * 55,
        "number": held.numbers[0],
        "amount_stroops": 1,
    }


async def test_bytes_signed_after_the_proof_are_not_given_up(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Somebody told the payment to go on while its channel was looked at: those bytes may land."""
    payment = await payment_owed(database, "RESIGNED")
    steps = PaymentActivities(database, rail)
    attempt, held = await attempted(database, rail, payment)
    foreign = Observation(Outcome.FOREIGN, reason="consumed by bytes we do not know")
    await steps.quarantine_payment(Sighting(payment, attempt, foreign, NOW))

    async def dead() -> bool:
        return await rail.is_dead(attempt)

    await eventually(dead, "the bytes are dead", 60)
    await close_breaker(api)
    steps.gate.breaker.forget()
    newer = (await steps.prepare_payment(payment)).attempt
    assert newer is not None
    assert newer.max_ledger > attempt.max_ledger
    given = Release(
        attempt.channel, attempt.sequence - 1, "dead", "Ada", "ticket 4711", datetime.now(UTC)
    )
    with pytest.raises(Conflict, match="has moved on meanwhile"):
        async with database.transaction() as connection:
            await channels.release(connection, given, held)
    await steps.submit_payment(newer)
    observed = await steps.observe_payment(newer)
    await steps.book_payment(Sighting(payment, newer, observed, NOW))
    assert await state(database, payment) == "confirmed"
    async with database.transaction() as connection:
        # Nothing is left to release but the channel.
        await channels.release(connection, replaced(given, newer), None)


def replaced(given: Release, newer: Attempt) -> Release:
    return Release(given.channel, newer.sequence, "done", given.by, given.note, given.at)


async def give_back(database: Database, rail: Rail, payment: Payment, attempt: Attempt) -> None:
    """Leave the shared stack as it was found: bytes that were never sent, on a channel now free."""
    never = Observation(Outcome.FAILED_RETRY, reason="never sent")
    sighting = Sighting(payment, attempt, never, NOW)
    await PaymentActivities(database, rail).fail_attempt(sighting)
    async with database.transaction() as connection:
        await attempts.leave_sequence(connection, attempt)
        await connection.execute(
            update(known_channels)
            .where(known_channels.c.address == attempt.channel)
            .values(sequence=attempt.sequence - 1)
        )
