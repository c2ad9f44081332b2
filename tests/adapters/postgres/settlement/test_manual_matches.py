"""What was paid out of band is known as reconciliation read it, and nothing is signed beside it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, batches, manual_matches
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.breaks import AdjustmentKind, BreakClosure
from domain.accounting.journal import make_settled_entries
from domain.accounting.reconciliation import Extent
from domain.errors import Conflict, TryAgain
from domain.requests import Request
from domain.settlement.attempts import Blocked, InBatch
from domain.settlement.batches import Plan
from domain.settlement.manual_matches import OUT_OF_BAND_LEAD, ManualMatch, OutOfBandTransfer
from domain.settlement.payments import Payment, PaymentStatus
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import ReconciliationDriver, told
from tests.testkit.api_client import eventually
from tests.testkit.settlement.batch_factory import CLASSIC, NETTED
from tests.testkit.settlement.expired_envelopes import dead, parking, settle
from tests.testkit.settlement.payment_factory import NOW, payment_owed

OURS, THEIRS = "aa" * 32, "bb" * 32
LATER = NOW.replace(year=2100)


@pytest.fixture
async def book(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.scratch(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def listener(book: Database) -> ReconciliationDriver:
    made = ReconciliationDriver(book)
    made.teller.extent_told = Extent(1, 1000)
    return made


async def sent(listener: ReconciliationDriver, payment: Payment, hash_: str = THEIRS) -> None:
    """Somebody sends what a payment owes, and reconciliation reads it."""
    to, stroops = payment.to_address, payment.amount_stroops
    listener.teller.transfers = [
        told(hash_, listener.teller.extent_told.latest + 500, payment.number, stroops, to)
    ]
    listener.teller.extent_told = Extent(1, listener.teller.extent_told.latest + 1000)
    await listener.reads()


async def made_for(book: Database, payment: Payment) -> list[OutOfBandTransfer]:
    async with book.autocommit() as connection:
        return await manual_matches.find_out_of_band(connection, [payment.id])


async def know_channels(book: Database, rail: Rail) -> None:
    async with book.transaction() as connection:
        await attempts.save_channels(connection, dict.fromkeys(rail.channels, 7))


async def test_a_transfer_under_its_number_is_known_by_what_it_is(
    book: Database, listener: ReconciliationDriver
) -> None:
    payment, other = await payment_owed(book), await payment_owed(book)
    await sent(listener, payment)
    (made,) = await made_for(book, payment)
    assert (made.transaction_hash, made.amount_stroops) == (THEIRS, payment.amount_stroops)
    assert not made.matched
    assert payment.id in made.obstacle.sentence
    assert await made_for(book, other) == []


async def test_our_own_bytes_are_not_made_by_hand(
    book: Database, listener: ReconciliationDriver
) -> None:
    """Neither by their own name nor by that of the fee bump around them."""
    payment = await payment_owed(book)
    for hash_, inner in ((OURS, "cc" * 32), ("dd" * 32, THEIRS)):
        await tamper(
            book,
            "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
            " VALUES (:hash, :inner, :id, 1, 'A', 100, 1)",
            hash=hash_,
            inner=inner,
            id=payment.id,
        )
        await sent(listener, payment, OURS if hash_ == OURS else THEIRS)
    assert await made_for(book, payment) == []


async def test_what_came_in_or_moved_nothing_is_no_payment(
    book: Database, listener: ReconciliationDriver
) -> None:
    """A payee may send money back under the number it got, and anybody may move nothing."""
    payment = await payment_owed(book)
    back = "INSERT INTO chain_transfers VALUES (:at, 'transfer', :hash, 5, now(), :from, :to, :number, :sum)"
    for place, from_, to, sum_ in (("1", "GPAYEE", "GBOND", 5), ("2", "GBOND", "GPAYEE", 0)):
        await tamper(
            book,
            back.replace(":from", ":payer"),
            at=place,
            hash=THEIRS,
            payer=from_,
            to=to,
            number=payment.number,
            sum=sum_,
        )
    assert await made_for(book, payment) == []


async def test_nothing_is_signed_beside_it(
    book: Database, listener: ReconciliationDriver, rail: Rail
) -> None:
    payment, steps = await payment_owed(book), PaymentActivitiesImpl(book, rail)
    await know_channels(book, rail)
    await sent(listener, payment)
    (made,) = await made_for(book, payment)
    for _ in range(2):
        assert await steps.prepare_payment(payment) == Blocked(made.obstacle)
    async with book.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None
        assert await connection.scalar(text("SELECT count(*) FROM envelopes")) == 0


@pytest.mark.parametrize("plan", [CLASSIC, NETTED])
async def test_a_batch_goes_on_without_it(
    book: Database, listener: ReconciliationDriver, rail: Rail, plan: Plan
) -> None:
    await know_channels(book, rail)
    owed = [await payment_owed(book), await payment_owed(book, minutes=5)]
    alone = PaymentActivitiesImpl(book, rail, batches_payments=True)
    for payment in owed:
        assert isinstance(await alone.prepare_payment(payment), InBatch)
    async with book.transaction() as connection:
        batch = await batches.form_batch(connection, plan, LATER, rail.channels)
    assert batch is not None
    await sent(listener, owed[0])
    # The scratch book's payees do not exist on the chain: whoever is at fault for that is not asked here.
    steps = BatchActivitiesImpl(book, rail, plan)
    steps.rail = Untroubled(rail)  # type: ignore[assignment]
    with pytest.raises(TryAgain, match="goes on without 1 payments"):
        await steps.prepare_batch(batch)
    (made,) = await made_for(book, owed[0])
    # Its own life finds out why, and it is not made ready again.
    assert await alone.prepare_payment(owed[0]) == Blocked(made.obstacle)


class Untroubled:
    """A rail that finds no fault with any payee."""

    def __init__(self, rail: Rail) -> None:
        self.channels = rail.channels

    async def obstacles(self, transfers: object) -> dict[int, str]:
        return {}


async def test_bytes_that_died_are_not_followed_by_others(
    database: Database, rail: Rail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real chain: its channel is kept for the void that follows."""
    payment, steps = await payment_owed(database), PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    made = OutOfBandTransfer(
        *(payment.id, payment.number, "9", "transfer", THEIRS, 1, NOW),
        *(payment.from_address, payment.to_address, payment.amount_stroops, False),
    )

    async def find_out_of_band(*payment_ids: str) -> dict[str, OutOfBandTransfer]:
        return {payment.id: made}

    with monkeypatch.context() as patch:
        patch.setattr(steps.gate, "find_out_of_band", find_out_of_band)
        why = await steps.prepare_payment(payment)
        assert why == Blocked(made.obstacle, dead_after=died.max_ledger)
        await steps.block_payment(parking(payment, why, PaymentStatus.BLOCKED))
    # Had it been something else, the payment goes on where it stopped.
    await settle(steps, payment, died)


async def test_whoever_begins_an_attempt_and_whoever_adopts_see_each_other(
    book: Database, listener: ReconciliationDriver, rail: Rail
) -> None:
    await know_channels(book, rail)
    payment = await payment_owed(book)
    await sent(listener, payment)
    (made,) = await made_for(book, payment)

    async def reserve() -> None:
        async with book.autocommit() as connection:
            await attempts.reserve(connection, payment.id, rail.channels)

    async with book.transaction() as connection:
        row, rides = await manual_matches.lock(connection, payment.id)
        assert (row["id"], rides) == (payment.id, False)
        reserving = asyncio.create_task(reserve())

        async def waits() -> bool:
            async with book.autocommit() as other:
                return bool(
                    await other.scalar(
                        text(
                            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                            " AND datname = current_database()"
                        )
                    )
                )

        await eventually(waits, "the reservation waits")
        await manual_matches.match(
            connection, ManualMatch(payment.id, made.position, "ada", "x", NOW), made
        )
    await reserving
    # It is adopted by now, which whoever reserved for it reads before it signs.
    assert [each.matched for each in await made_for(book, payment)] == [True]
    async with book.transaction() as connection:
        row, rides = await manual_matches.lock(connection, payment.id)
    assert (row["status"], rides) == ("confirmed", True)


async def test_one_transfer_is_one_payment_for_ever(
    book: Database, listener: ReconciliationDriver
) -> None:
    payment, other = await payment_owed(book), await payment_owed(book)
    await sent(listener, payment)
    (made,) = await made_for(book, payment)
    async with book.transaction() as connection:
        await manual_matches.match(
            connection, ManualMatch(payment.id, made.position, "ada", "x", NOW), made
        )
    with pytest.raises(IntegrityError, match="uq_manual_matches_position"):
        async with book.transaction() as connection:
            await manual_matches.match(
                connection, ManualMatch(other.id, made.position, "ada", "x", NOW), made
            )
    for statement in (
        "DELETE FROM manual_matches",
        "UPDATE manual_matches SET note = 'y'",
        "TRUNCATE manual_matches",
    ):
        with pytest.raises(IntegrityError):
            async with book.transaction() as connection:
                await connection.execute(text(statement))


async def test_what_was_adopted_matches_the_chain(
    book: Database, listener: ReconciliationDriver
) -> None:
    payment = await payment_owed(book)
    await sent(listener, payment)
    found = await listener.compares()
    assert (found.new_breaks, found.matched) == (1, 0)
    (made,) = await made_for(book, payment)
    async with book.transaction() as connection:
        manual_match = ManualMatch(payment.id, made.position, "ada", "x", NOW)
        await manual_matches.match(connection, manual_match, made)
        await journal.post_entries(
            connection, make_settled_entries(payment, THEIRS, 0, OUT_OF_BAND_LEAD)
        )
    again = await listener.compares()
    assert (again.new_breaks, again.matched) == (0, 1)
    async with book.transaction() as connection:
        assert await invariants.check(connection, timedelta(days=36500)) == []


async def test_a_transfer_that_is_known_to_be_something_else_stops_nothing(
    book: Database, listener: ReconciliationDriver
) -> None:
    payment = await payment_owed(book)
    await sent(listener, payment)
    await listener.compares()
    assert len(await made_for(book, payment)) == 1
    async with book.autocommit() as connection:
        break_id = await connection.scalar(text("SELECT id FROM breaks"))
    with pytest.raises(Conflict, match="is not paid: adopt this transfer"):
        await closed(book, break_id, AdjustmentKind.NONE)
    await closed(book, break_id, AdjustmentKind.SUSPENSE)
    assert await made_for(book, payment) == []


async def test_of_two_transfers_by_hand_each_is_asked_about(
    book: Database, listener: ReconciliationDriver
) -> None:
    """The second is a duplicate of the first, and closed as one."""
    payment = await payment_owed(book)
    await sent(listener, payment)
    await sent(listener, payment, "ee" * 32)
    await listener.compares()
    async with book.autocommit() as connection:
        found = (await connection.execute(text("SELECT kind, id FROM breaks"))).all()
    assert {row.kind for row in found} == {"missing_in_journal", "duplicate"}
    for left, row in zip((1, 0), found, strict=True):
        await closed(book, row.id, AdjustmentKind.SUSPENSE)
        assert len(await made_for(book, payment)) == left


async def closed(book: Database, break_id: str, kind: AdjustmentKind) -> None:
    closing = BreakClosure(kind, "looked at", "ada", datetime.now(UTC))
    await close_break(book, CloseBreak(break_id, closing, Request("ada", "corr")))
