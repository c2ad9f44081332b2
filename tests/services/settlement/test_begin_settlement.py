"""A worker that starts notices that its database forgot what its channels did, as after a restore."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from adapters.postgres import installation
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, channels
from devstack.environment.stack import Stack
from domain.settlement.attempts import Attempt, AttemptStatus
from domain.settlement.channels import Claim, ClaimKind
from domain.settlement.envelopes import Envelope
from domain.sla.execution_modes import ExecutionMode
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from services.settlement.channels.claim_channels import ClaimChannels, claim_channels
from services.settlement.payments.store_envelope import store_envelope
from tests.testkit import stacks
from tests.testkit.recovery.databases import record_restoration
from tests.testkit.settlement.payment_factory import NOW, owe_payment

ONE, TWO = "GONE", "GTWO"
BYTES = Envelope("dd" * 32, "AAAA", 100, 5000, "ee" * 32, "", None)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def begin(scratch: Database, **sequences: int) -> list[str]:
    known = {"GONE": sequences["one"], "GTWO": sequences.get("two", 7)}
    return await begin_settlement(scratch, BeginSettlement(known, ExecutionMode.LOCAL, NOW, 1024))


async def read_channel(scratch: Database, address: str) -> tuple[int | None, str | None]:
    async with scratch.autocommit() as connection:
        found = await channels.get(connection, address)
    return found.sequence, found.payment_id


async def test_an_ordinary_start_requires_nothing(scratch: Database) -> None:
    assert await begin(scratch, one=7) == []
    assert await begin(scratch, one=7) == []
    async with scratch.autocommit() as connection:
        assert await installation.get_required_ledger(connection) == 0


async def test_a_sequence_that_the_database_reserved_is_its_own(scratch: Database) -> None:
    assert await begin(scratch, one=7) == []
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        reservation = await attempts.reserve(connection, payment.id, [ONE])
    assert reservation is not None
    await store_envelope(scratch, payment, reservation, BYTES)
    assert await begin(scratch, one=8) == []
    assert await read_channel(scratch, ONE) == (7, payment.id)


async def test_transactions_that_the_database_does_not_know_are_noticed_and_audited(
    scratch: Database,
) -> None:
    assert await begin(scratch, one=7) == []
    assert await begin(scratch, one=9) == [ONE]
    async with scratch.autocommit() as connection:
        assert await installation.get_required_ledger(connection) == 1024
        trail = await read_trail(connection, "installation/settlement")
    assert [each["action"] for each in trail] == ["installation.behind_chain"]
    assert trail[0]["evidence"]["channels"] == [ONE]
    assert await read_channel(scratch, ONE) == (9, None)
    # It is noticed once; the bound stays.
    assert await begin(scratch, one=9) == []
    async with scratch.autocommit() as connection:
        assert await installation.get_required_ledger(connection) == 1024


async def test_the_first_start_after_a_restoration_waits_for_lost_bytes_that_show_in_no_sequence(
    scratch: Database,
) -> None:
    assert await begin(scratch, one=7) == []
    await claim(scratch, NOW - timedelta(hours=2))
    await record_restoration(scratch, NOW - timedelta(hours=1))
    assert await begin(scratch, one=7) == []
    async with scratch.autocommit() as connection:
        assert await installation.get_required_ledger(connection) == 1024
    # A worker has signed since, and whatever was lost has expired.
    await claim(scratch, NOW)
    await begin_settlement(scratch, BeginSettlement({}, ExecutionMode.LOCAL, NOW, 2048))
    async with scratch.autocommit() as connection:
        assert await installation.get_required_ledger(connection) == 1024


async def claim(scratch: Database, at: datetime) -> None:
    written = Claim(secrets.token_bytes(32), ClaimKind.CLAIM)
    await claim_channels(scratch, ClaimChannels(written, "a worker", at, 0))


async def test_an_unsigned_reservation_of_a_consumed_sequence_is_given_up(
    scratch: Database,
) -> None:
    assert await begin(scratch, one=7) == []
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        assert await attempts.reserve(connection, payment.id, [ONE]) is not None
    assert await begin(scratch, one=9) == [ONE]
    assert await read_channel(scratch, ONE) == (9, None)
    async with scratch.transaction() as connection:
        again = await attempts.reserve(connection, payment.id, [ONE])
    assert again is not None
    assert again.sequence == 10


async def test_a_channel_in_use_goes_on_after_what_the_network_has_consumed(
    scratch: Database,
) -> None:
    """Its own bytes were applied, and others that the database forgot after them."""
    assert await begin(scratch, one=7) == []
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        reservation = await attempts.reserve(connection, payment.id, [ONE])
    assert reservation is not None
    await store_envelope(scratch, payment, reservation, BYTES)
    assert await begin(scratch, one=11) == [ONE]
    assert await read_channel(scratch, ONE) == (7, payment.id)
    ended = Attempt(
        payment.id, reservation.n, ONE, 8, 5000, BYTES.inner_hash, BYTES.xdr, resumed=True
    )
    async with scratch.transaction() as connection:
        assert await attempts.finish(connection, ended, AttemptStatus.SUCCEEDED)
    assert await read_channel(scratch, ONE) == (11, None)
