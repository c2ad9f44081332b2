"""Releases where a chain in memory has moved on, or has forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex

import pytest
from sqlalchemy import insert

from adapters.postgres.tables import chain_transfers
from adapters.stellar.finality.quorum import Quorum
from devstack.environment.stack import Stack
from domain.errors import Conflict
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
    SettlementRail,
)
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database
from tests.simulation.workflow_driver import play_temporal
from tests.simulation.world import BENEFICIARY, CHANNEL_KEYS
from tests.testkit.settlement.channel_release_scenario import Scene, scene


@pytest.fixture(scope="module")
def scratch(stack: Stack) -> Iterator[ScratchDatabase]:
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        with make_scratch_database(stack.environment["DATABASE_URL"]) as made:
            yield made


def test_bytes_signed_while_others_were_proven_dead_are_not_called_dead(
    scratch: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof takes its time; the payment's workflow may sign again on the same sequence meanwhile."""

    async def read_answer(here: Scene) -> str:
        attempt = await here.dead()
        await here.world.close_circuit_breaker()
        proven, signed = Quorum.is_expired_everywhere, list[Attempt]()

        async def and_then_signed(proofs: Quorum, dead: Attempt) -> bool:
            said = await proven(proofs, dead)
            signed.append(await here.prepared())
            return said

        monkeypatch.setattr(Quorum, "is_expired_everywhere", and_then_signed)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        assert signed[0].hash != attempt.hash
        await here.world.steps.submit_payment(signed[0])
        here.world.close_ledgers(2)
        seen = await here.world.steps.observe_payment(signed[0])
        await here.world.steps.confirm_payment(
            ObservedAttempt(here.payment, signed[0], seen, datetime.now(UTC))
        )
        assert await here.status() == "confirmed"
        assert len(here.world.read_credits()[here.payment.number]) == 1
        return str(refused.value)

    with scene(scratch) as here:
        assert "was changed by another process meanwhile; read it again" in scratch.loop.run(
            read_answer(here)
        )


def test_a_transfer_that_reconciliation_read_is_not_repeated_though_nodes_forgot(
    scratch: ScratchDatabase,
) -> None:
    async def read_answer(here: Scene, attempt: Attempt) -> str:
        await here.reconciled()
        await here.forgotten(attempt)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt, evidence="nothing was found")
        return str(refused.value)

    with scene(scratch) as here:
        attempt = scratch.loop.run(here.sent())
        said = scratch.loop.run(read_answer(here, attempt))
        ((hash_, _),) = here.world.read_credits()[here.payment.number]
        assert f"the money moved, in transaction {hash_} of ledger " in said
        assert "must not be made again" in said
        assert "will be confirmed" in said
        assert here.temporal.signalled == [here.payment.workflow_id]
        assert scratch.loop.run(here.status()) == "quarantined"


def test_a_payment_made_by_unknown_bytes_is_not_paid_again(scratch: ScratchDatabase) -> None:
    """Whoever holds our seeds has paid it by bytes we never stored, on another channel."""

    async def read_answer(here: Scene) -> tuple[str, str]:
        attempt = await here.stolen()
        other = next(key for key in CHANNEL_KEYS if key.public_key != attempt.channel)
        sequence = ((await here.world.rail.read_channels()).sequences)[other.public_key] + 1
        unexplained = await here.world.rail.sign(
            [make_single_transfer(here.payment)],
            SettlementRail.SOROBAN,
            other.public_key,
            sequence,
            0,
        )
        await here.world.rail.send(unexplained.xdr)
        here.world.close_ledgers(2)
        await here.reconciled()
        foreign = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
        await here.quarantine(attempt, foreign)
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        return unexplained.hash, str(refused.value)

    with scene(scratch) as here:
        hash_, said = scratch.loop.run(read_answer(here))
        assert f"transaction {hash_} of ledger " in said
        assert "by other bytes than its own" in said
        assert "must not be made again" in said
        assert scratch.loop.run(here.status()) == "quarantined"


def test_a_transfer_with_its_number_from_a_foreign_account_does_not_prevent_the_release(
    scratch: ScratchDatabase,
) -> None:
    """Anybody may send a treasury something under any number, or send back what was paid before."""

    async def read_answer(here: Scene) -> None:
        attempt = await here.dead()
        transfer = {
            "position": "anybody",
            "kind": "transfer",
            "transaction_hash": token_hex(32),
            "ledger": 7,
            "closed_at": datetime.now(UTC),
            "from_address": BENEFICIARY.public_key,
            "to_address": here.payment.from_address,
            "number": here.payment.number,
            "amount_stroops": 1,
        }
        async with scratch.database.transaction() as connection:
            await connection.execute(insert(chain_transfers).values(transfer))
        await here.release(attempt)

    with scene(scratch) as here:
        scratch.loop.run(read_answer(here))
        assert scratch.loop.run(here.status()) == "pending"
