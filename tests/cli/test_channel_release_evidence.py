"""Releases where nodes have forgotten ledgers: what else proves that nothing moved."""

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.environment.stack import Stack
from domain.errors import Conflict
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database
from tests.simulation.workflow_driver import play_temporal
from tests.testkit.settlement.channel_release_scenario import FORGOTTEN, Scene, scene


@pytest.fixture(scope="module")
def scratch(stack: Stack) -> Iterator[ScratchDatabase]:
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        with make_scratch_database(stack.environment["DATABASE_URL"]) as made:
            yield made


def test_ledgers_that_reconciliation_has_read_prove_that_nothing_moved(
    scratch: ScratchDatabase,
) -> None:
    async def read_evidence(here: Scene) -> dict[str, Any]:
        attempt = await here.stolen()
        here.world.close_ledgers(40)
        await here.reconciled()
        await here.forgotten(attempt)
        await here.release(attempt)
        return await here.read_audit_entry(attempt)

    with scene(scratch) as here:
        proof = scratch.loop.run(read_evidence(here))["proof"]
        assert FORGOTTEN in proof
        assert "reconciliation has read" in proof
        assert scratch.loop.run(here.status()) == "pending"


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("reads", ["nothing", "too little", "with a gap"])
def test_forgotten_ledgers_without_evidence_do_not_release_a_channel(
    scratch: ScratchDatabase, reads: str, landed: bool
) -> None:
    """Whether it was paid or not, nothing here can tell: a person has to look elsewhere."""

    async def read_evidence(here: Scene) -> str:
        if reads != "nothing":
            await here.reconciled()
        attempt = await (here.sent() if landed else here.stolen())
        await here.forgotten(attempt)
        if reads == "with a gap":
            await here.reconciled()
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        assert await here.status() == "quarantined"
        assert here.temporal.signalled == []
        assert attempt.envelope_hash in str(refused.value)
        return str(refused.value)

    with scene(scratch) as here:
        said = scratch.loop.run(read_evidence(here))
        assert "no node remembers" in said
        assert "--evidence" in said


def test_what_an_archive_showed_releases_it_and_is_written_down(scratch: ScratchDatabase) -> None:
    async def read_evidence(here: Scene) -> dict[str, Any]:
        attempt = await here.stolen()
        await here.forgotten(attempt)
        await here.release(attempt, evidence="archive.example: a bump, no payment")
        return await here.read_audit_entry(attempt)

    with scene(scratch) as here:
        evidence = scratch.loop.run(read_evidence(here))
        assert evidence["seen_elsewhere"] == "archive.example: a bump, no payment"
        assert FORGOTTEN in evidence["proof"]
        assert scratch.loop.run(here.status()) == "pending"
