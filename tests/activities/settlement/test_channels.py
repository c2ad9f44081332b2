"""
Two engines with the same keys, the second on a copy of the database: one of them stops, whatever they do.

Real databases, copied as PostgreSQL copies them, and one chain whose ledgers close all the time.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select

from activities.settlement import channels
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.tables import installation_claims
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from devstack.environment.stack import Stack
from domain.errors import ChainUnavailable
from domain.reasons import ReasonCode
from domain.settlement.channels import Claim, ClaimKind
from tests.adapters.stellar.conftest import KEYS, build_sandbox, plan_faults
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.settlement.claiming_engines import TIMES, Engine, Place, close_ledgers


@pytest.fixture
async def place(stack: Stack) -> AsyncIterator[Place]:
    box = build_sandbox(make_unique_id("A network of its own"))
    closing = asyncio.create_task(close_ledgers(box))
    async with stacks.hold_scratch_database(stack.environment["DATABASE_URL"]) as url:
        made = Place(url, box)
        yield made
        await made.close()
    closing.cancel()
    box.network.close()


async def list_kinds(database: Database) -> list[int]:
    async with database.autocommit() as connection:
        statement = select(installation_claims.c.kind).order_by(installation_claims.c.n)
        return list(await connection.scalars(statement))


async def list_actions(database: Database) -> list[str]:
    async with database.autocommit() as connection:
        trail = await read_trail(connection, "installation/settlement")
    return [entry["action"] for entry in trail]


async def test_the_first_engine_signs_at_once(place: Place) -> None:
    first = place.start(place.original)
    await first.establish()
    standing = await first.claim.account.read()
    assert standing.claim is not None
    assert standing.claim.kind is ClaimKind.CLAIM
    assert set(await list_actions(place.original)) == {"installation.claimed"}


async def test_a_copy_stops_and_the_original_goes_on(place: Place) -> None:
    # Stopped for a moment, so that PostgreSQL can copy its database; the same claim stands.
    copied = await place.copy()
    first = place.start(place.original)
    await first.establish()
    second = place.start(copied)
    said = await second.end()
    assert "another engine works with these channel accounts" in said
    assert "--take-over" in said
    assert not first.task.done()
    await wait_until(lambda: _is_confirmed(first), "the original signs again")
    assert ClaimKind.OBJECTION in await list_kinds(place.original)
    assert (await list_actions(copied))[-1] == "installation.yielded"
    # Started again, as a supervisor would: it stops at once, and writes nothing.
    before = await first.claim.account.read()
    again = place.start(copied)
    assert await again.end() == said.replace(_find_ledger(said), str(before.since_ledger))
    assert (await first.claim.account.read()).claim == before.claim


def _find_ledger(sentence: str) -> str:
    return sentence.split("ledger ")[1].split(",")[0]


async def _is_confirmed(engine: Engine) -> bool:
    return not engine.claim.describe()


async def test_a_copy_made_while_the_original_runs_stops_too(place: Place) -> None:
    """The claim that stands is in both databases: only the copy's own shows that there are two."""
    first = place.start(place.original)
    await first.establish()
    await first.kill()
    copied = await place.copy()
    # The same process goes on: nothing has been written meanwhile.
    goes_on = Engine(place.original, place.box)
    await goes_on.kill()
    goes_on.claim = first.claim
    goes_on.task = asyncio.create_task(first.claim.run())
    place.engines.append(goes_on)
    second = place.start(copied)
    await second.end()
    await wait_until(lambda: _is_confirmed(goes_on), "the original signs again")


async def test_workers_of_one_database_go_on_side_by_side(place: Place) -> None:
    first = place.start(place.original)
    await first.establish()
    second = place.start(place.original)
    await second.establish()
    third = place.start(place.original)
    await third.establish()
    await second.kill()
    for _ in range(20):
        await asyncio.sleep(TIMES.check_seconds)
        assert await first.claim.find_unconfirmed() is None
        assert await third.claim.find_unconfirmed() is None
    assert set(await list_kinds(place.original)) == {ClaimKind.CLAIM}


async def test_a_person_takes_the_channels_over_and_the_other_stops_for_good(
    place: Place,
) -> None:
    copied = await place.copy()
    first = place.start(place.original)
    await first.establish()
    second = place.start(copied, takes_over=True)
    assert "took these channel accounts over by a person's word" in await first.end()
    await second.claim.established.wait()
    # What the first one signed may still be applied.
    assert second.readings.bound.required_ledger > place.box.network.ledger.last_closed.sequence
    assert not second.task.done()
    # Started again, the first stops; the second is not disturbed, and starts again without that word.
    await place.start(place.original).end()
    await second.kill()
    third = place.start(copied)
    await third.establish()


async def test_a_restored_database_goes_on_when_nobody_objects(place: Place) -> None:
    """The claim that stands is of the time after the backup, and whoever wrote it is gone."""
    copied = await place.copy()
    first = place.start(place.original)
    await first.establish()
    await first.kill()
    before = place.box.network.ledger.last_closed.sequence
    restored = place.start(copied)
    async with asyncio.timeout(30):
        await restored.claim.established.wait()
    assert restored.readings.bound.required_ledger >= before + LEDGERS_TO_LIVE


async def test_who_cannot_see_the_chain_signs_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "PATIENCE_SECONDS", 0.2)
    first = place.start(place.original)
    await first.establish()
    plan_faults(place.box, {"kind": "node_down"})

    async def is_paused() -> bool:
        stopped = await first.gate.pause()
        return stopped is not None and stopped.reason.code is ReasonCode.CLAIM_UNCONFIRMED

    await wait_until(is_paused, "signatures are held")
    with pytest.raises(ChainUnavailable, match="thrown away"):
        await first.gate.require_claim()
    plan_faults(place.box)

    async def goes_on() -> bool:
        return not await is_paused()

    await wait_until(goes_on, "it goes on by itself")
    # The same claim still stood, so nobody can have been there.
    assert first.readings.bound.required_ledger == 0


async def test_who_was_away_reads_what_the_other_may_have_paid(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original is cut off, a copy starts and serves; back again, the original stops it and reads first."""
    monkeypatch.setattr(channels, "PATIENCE_SECONDS", 0.2)
    copied = await place.copy()
    first = place.start(place.original)
    await first.establish()
    answers = [node.server for node in first.nodes.all]
    for node in first.nodes.all:
        node.server = cast(Any, None)
    second = place.start(copied)
    async with asyncio.timeout(30):
        await second.claim.established.wait()
    assert first.claim.describe()
    for node, server in zip(first.nodes.all, answers, strict=True):
        node.server, node.rests_until = server, 0.0
    await second.end()
    await wait_until(lambda: _is_confirmed(first), "the original signs again")
    assert first.readings.bound.required_ledger > LEDGERS_TO_LIVE


async def test_a_claim_that_somebody_removed_is_written_again(place: Place) -> None:
    first = place.start(place.original)
    await first.establish()
    standing = await first.claim.account.read()
    assert standing.claim is not None
    key = ("account-data", first.claim.account.address, "apexchainx.installation")
    place.box.network.change_entries([], [key])

    async def is_back() -> Claim | None:
        return (await first.claim.account.read()).claim

    found = await wait_until(is_back, "it stands again")
    assert found.token != standing.claim.token


async def test_each_claim_bids_more_than_one_that_no_ledger_took(place: Place) -> None:
    plan_faults(place.box, {"kind": "surge_fee", "value": 300_000})
    first = place.start(place.original)
    await first.establish()
    account = place.box.read_account(KEYS.fees.public_key)
    assert account is not None
    assert len(await list_kinds(place.original)) > 1


async def test_the_database_says_when_it_claimed_and_by_which_process(place: Place) -> None:
    first = place.start(place.original)
    await first.establish()
    async with place.original.autocommit() as connection:
        row = (await connection.execute(select(installation_claims))).all()[-1]
    assert row.made_by == "a worker of this test"
    assert datetime.now(UTC) - row.claimed_at < timedelta(minutes=1)
    assert row.refused_at is None
