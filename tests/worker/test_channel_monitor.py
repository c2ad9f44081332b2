"""A sequence on record that is ahead of the chain is set back without a person, when nothing of ours used it."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from adapters.stellar.finality import agreed_sequences
from devstack.environment.stack import Stack
from domain.settlement.channels import Channel
from stellar_sandbox.client import StellarSandbox
from tests.adapters.stellar.conftest import (
    CHANNELS,
    build_nodes,
    build_rail,
    build_sandbox,
    plan_faults,
)
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import owe_payment
from worker.channel_monitor import ChannelMonitor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = next(iter(CHANNELS))


@pytest.fixture
async def box() -> AsyncIterator[StellarSandbox]:
    made = build_sandbox(make_unique_id("A network of its own"))
    yield made
    made.network.close()


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def read(database: Database) -> Channel:
    async with database.autocommit() as connection:
        return await channels.get(connection, ADDRESS)


async def save(database: Database, sequence: int) -> None:
    async with database.transaction() as connection:
        await channels.save(connection, dict.fromkeys(CHANNELS, 0) | {ADDRESS: sequence})


async def test_a_node_that_shows_a_sequence_too_high_at_the_start_is_outvoted(
    box: StellarSandbox,
) -> None:
    plan_faults(box, {"kind": "high_sequence", "node": 0, "value": 1000})
    for count, known in ((3, dict.fromkeys(CHANNELS, 0)), (2, {})):
        rail = build_rail(box, build_nodes(box, count))
        assert (await rail.read_channels(agreed=True)).sequences == known


async def test_one_node_alone_is_read_at_two_ledgers(
    box: StellarSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreed_sequences, "LOOK_AGAIN_SECONDS", 0.01)
    # Ledgers close when a test wants it.
    monkeypatch.setattr(agreed_sequences, "LATER_SECONDS", 0.1)
    rail = build_rail(box, build_nodes(box, 1))
    plan_faults(box, {"kind": "high_sequence", "value": 1000, "times": len(CHANNELS)})
    assert (await rail.read_channels(agreed=True)).sequences == {}
    assert (await rail.read_channels(agreed=True)).sequences == dict.fromkeys(CHANNELS, 0)


async def test_a_free_channel_ahead_of_the_chain_is_set_back_after_two_reads(
    box: StellarSandbox, scratch: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await save(scratch, 1000)
    monitor = ChannelMonitor(scratch, build_rail(box, build_nodes(box)))
    await monitor.look(NOW)
    await monitor.look(NOW)  # the same ledger proves no more than before
    assert (await read(scratch)).sequence == 1000
    box.close_ledger()
    with caplog.at_level(logging.ERROR):
        await monitor.look(NOW)
    assert (await read(scratch)).sequence == 0
    assert f"ALARM: channel {ADDRESS} is on record with sequence 1000" in caplog.text
    assert monitor.problems == []
    async with scratch.autocommit() as connection:
        (entry,) = await audit.read_trail(connection, f"channel/{ADDRESS}")
    assert entry["action"] == "channel.mended"
    assert (entry["evidence"]["sequence"], entry["evidence"]["reached"]) == ("1000", "0")


async def test_a_node_that_lags_sets_nothing_back(box: StellarSandbox, scratch: Database) -> None:
    """Or lies: the others do not agree with it."""
    await save(scratch, 0)
    monitor = ChannelMonitor(scratch, build_rail(box, build_nodes(box)))
    await save(scratch, 3)
    plan_faults(box, *({"kind": "high_sequence", "node": node, "value": 3} for node in (1, 2)))
    for _ in range(9):
        await monitor.look(NOW)
        box.close_ledger()
    assert (await read(scratch)).sequence == 3


async def test_a_channel_is_not_set_back_over_bytes_of_ours(
    box: StellarSandbox, scratch: Database
) -> None:
    """What counts as applied there, or may still be."""
    await save(scratch, 0)
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO attempts (payment_id, n, channel, sequence, status, max_ledger)"
            f" VALUES ('{payment.id}', 1, '{ADDRESS}', 5, 'succeeded', 9)"
        )
    await save(scratch, 5)
    monitor = ChannelMonitor(scratch, build_rail(box, build_nodes(box)))
    for _ in range(3):
        await monitor.look(NOW)
        box.close_ledger()
    assert (await read(scratch)).sequence == 5
    (problem,) = monitor.problems
    assert (
        "it is not set back while bytes of ours may have used the higher sequence"
        in problem.sentence
    )
    # Ended as failed and expired, they use nothing any more.
    async with scratch.transaction() as connection:
        await connection.exec_driver_sql("UPDATE attempts SET status = 'failed', max_ledger = 500")
    box.close_ledger()
    await monitor.look(NOW)
    assert (await read(scratch)).sequence == 5
    async with scratch.transaction() as connection:
        await connection.exec_driver_sql("UPDATE attempts SET max_ledger = 3")
    box.close_ledger()
    await monitor.look(NOW)
    assert ((await read(scratch)).sequence, monitor.problems) == (0, [])


async def test_channels_on_which_the_nodes_did_not_agree_are_saved_when_they_do(
    box: StellarSandbox, scratch: Database
) -> None:
    monitor = ChannelMonitor(scratch, build_rail(box, build_nodes(box, 2)))
    plan_faults(box, {"kind": "high_sequence", "node": 0, "value": 7})
    await monitor.look(NOW)
    assert len(monitor.problems) == len(CHANNELS)
    assert "the nodes disagree about the sequence of channel" in monitor.problems[0].sentence
    plan_faults(box)
    await monitor.look(NOW)
    assert ((await read(scratch)).sequence, monitor.problems) == (0, [])
