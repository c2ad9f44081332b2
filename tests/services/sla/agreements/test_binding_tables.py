"""A table binds each outage as the use case of one outage does, and refuses what that refuses."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from adapters.postgres.sla.agreements.agreements import add_agreement
from adapters.postgres.sla.agreements.bindings import read_table
from adapters.postgres.sla.agreements.versions import add_version
from devstack.environment.stack import Stack
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.bindings import BindingTable
from domain.sla.agreements.versions import AgreementVersion, Coverage
from domain.sla.outages import Declaration, Outage
from domain.sla.verdicts import Severity
from services.sla.agreements.read_bindings import bind_outage_within
from tests.testkit import stacks

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SITES, SERVICES, DAYS = ["s1", "s2", "s3"], ["lte", "voice", "data"], 10
NAMES = [f"bind-{n:02}" for n in range(12)]


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await fill(connection, random.Random(3))
        yield database


async def fill(connection: AsyncConnection, dice: random.Random) -> None:
    known = await policies.get_in_force(connection, "standard", BEGIN)
    for day in (2, 5):
        later = replace(known, name="strict", effective_from=BEGIN + timedelta(days=day))
        await policies.publish(connection, later)
    for name in NAMES:
        await add_agreement(connection, Agreement(name, "GB", "GP", "GPROVIDER", "GC"))
        for number, day in enumerate(sorted(dice.sample(range(1, DAYS), 2)), 2):
            since = BEGIN + timedelta(days=day)
            covered = Coverage(
                dice.sample(SITES, dice.randint(0, 2)), dice.sample(SERVICES, dice.randint(0, 2))
            )
            until = since + timedelta(days=1) if dice.random() < 0.3 else None
            policy = dice.choice([None, "strict", "standard"])
            version = AgreementVersion(name, number, since, until, policy, covered)
            await add_version(connection, version, "a test")


def make_declaration(dice: random.Random, number: int) -> Declaration:
    outage = Outage(
        f"bind-{number}",
        "site",
        Severity.LOW,
        BEGIN + timedelta(days=dice.randint(-1, DAYS + 2)),
        site_id=dice.choice([None, *SITES, "unknown"]),
        affected_services=dice.sample([*SERVICES, "unknown"], dice.randint(0, 2)),
        policy=dice.choice([None, None, "strict", "standard", "unknown"]),
        agreement=dice.choice([None, None, *NAMES, "unknown"]),
        customer=dice.choice([None, None, "nobody", "GC"]),
    )
    fallback = dice.choice(["default", *NAMES])
    return Declaration(
        outage, Request("a", "b"), outage.policy or "standard", outage.agreement or fallback
    )


async def bind_alone(connection: AsyncConnection, declaration: Declaration) -> object:
    try:
        return await bind_outage_within(connection, declaration)
    except Invalid as error:
        return str(error)


def bind_by(table: BindingTable, declaration: Declaration) -> object:
    try:
        return table.bind(declaration)
    except Invalid as error:
        return str(error)


async def test_a_table_binds_as_the_database_does(scratch: Database) -> None:
    dice = random.Random(11)
    declarations = [make_declaration(dice, number) for number in range(400)]
    async with scratch.autocommit() as connection:
        table = await read_table(connection, declarations)
        alone = [await bind_alone(connection, each) for each in declarations]
    together = [bind_by(table, each) for each in declarations]
    assert together == alone
    kinds = [type(each) for each in alone]
    assert min(kinds.count(str), kinds.count(list)) > 50
