"""`apexchainx journal check` on a real journal, and on one that somebody wrote to past its guards."""

import asyncio
import json
import os
from dataclasses import dataclass
from functools import partial

import httpx
from sqlalchemy import text

from devstack.bench import seed_journal
from devstack.environment.stack import Stack
from domain.accounting.invariants import INVARIANT_DESCRIPTIONS
from tests.testkit import stacks
from tests.testkit.accounting.ledger_corruptions import CORRUPTIONS, WITHOUT_GUARDS
from tests.testkit.api_client import settle_outage
from tests.testkit.processes.commands import run_command


@dataclass
class Ended:
    code: int
    out: str
    err: str


async def apexchainx(*arguments: str, **environment: str) -> Ended:
    command = partial(run_command, environment=os.environ | environment)
    ended = await asyncio.to_thread(command, "cli.main", *arguments)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


async def test_the_journal_of_settled_outages_is_clean(
    stack: Stack, api: httpx.AsyncClient
) -> None:
    await settle_outage(api, 25)
    await settle_outage(api, 5)
    directory = ("--data-dir", str(stack.directory.path))
    answer = await apexchainx("journal", "check", *directory)
    assert answer.code == 0, answer
    assert "clean, checked in" in answer.out
    assert answer.out.startswith("database ")
    assert "VIOLATED" not in answer.out
    found = json.loads((await apexchainx("journal", "check", "--json", *directory)).out)
    assert found["clean"] is True
    # Other tests judge outages that have no workflow, and that nobody will ever pay: these are overdue.
    assert [each for each in found["violations"] if not each["overdue"]] == []


async def test_each_invariant_has_a_line_that_begins_with_its_verdict(stack: Stack) -> None:
    answer = await apexchainx(
        "journal", "check", "--data-dir", str(stack.directory.path), COLUMNS="80"
    )
    assert answer.code == 0, answer
    lines = answer.out.splitlines()[1 : len(INVARIANT_DESCRIPTIONS) + 1]
    assert [line.split()[:2] for line in lines] == [
        ["kept", each] for each in INVARIANT_DESCRIPTIONS
    ]
    for line, description in zip(lines, INVARIANT_DESCRIPTIONS.values(), strict=True):
        assert line.endswith(description)


async def test_a_violation_is_printed_with_its_ids_and_sets_the_exit_code(stack: Stack) -> None:
    invariant, subject, statements = CORRUPTIONS["an amount that was changed"]
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await seed_journal.write(database, 2_000)
        url = database.engine.url.set(drivername="postgresql")
        where = {"DATABASE_URL": url.render_as_string(hide_password=False)}
        late = await apexchainx("journal", "check", "--overdue-hours", "0", **where)
        assert late.code == 0, "what waits is no break"
        assert "OVERDUE" in late.out
        async with database.transaction() as connection:
            for statement in (WITHOUT_GUARDS, *statements):
                await connection.execute(text(statement))
        answer = await apexchainx("journal", "check", **where)
        found = json.loads((await apexchainx("journal", "check", "--json", **where)).out)
    assert answer.code == 1
    assert f"VIOLATED {invariant}:  {subject}" in answer.out
    assert answer.out.rstrip().splitlines()[-1].startswith("violated, checked in")
    assert not found["clean"]
    assert (invariant, subject) in {
        (each["invariant"], each["subject"]) for each in found["violations"]
    }


async def test_a_database_that_is_away_is_one_sentence() -> None:
    nowhere = "postgresql://u:p@127.0.0.1:1/x"
    answer = await apexchainx("journal", "check", DATABASE_URL=nowhere)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "apexchainx: the database does not answer; repeat the request\n"
