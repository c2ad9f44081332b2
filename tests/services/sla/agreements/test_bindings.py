"""The index finds the agreements of an outage that the rules of coverage say."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from adapters.postgres.sla.agreements.coverages import find_matches
from adapters.postgres.sla.agreements.versions import add_version
from devstack.environment.stack import Stack
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.coverages import choose_agreements
from domain.sla.agreements.versions import AgreementVersion, Coverage
from tests.testkit import stacks

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SITES, SERVICES, DAYS = ["s1", "s2", "s3"], ["lte", "voice", "data"], 10


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


def make_versions(dice: random.Random, name: str) -> list[AgreementVersion]:
    """Return versions of one agreement, some of which end before the next one begins."""
    days = sorted(dice.sample(range(1, DAYS), dice.randint(1, 3)))
    return [
        AgreementVersion(
            name,
            number,
            BEGIN + timedelta(days=day),
            BEGIN + timedelta(days=day + 1) if dice.random() < 0.3 else None,
            None,
            Coverage(
                dice.sample(SITES, dice.randint(0, 2)), dice.sample(SERVICES, dice.randint(0, 2))
            ),
        )
        for number, day in enumerate(days, 2)
    ]


def list_expected(
    versions: list[AgreementVersion], site: str | None, services: list[str], at: datetime
) -> set[tuple[str, int]]:
    """Return agreement and version of what covers it, without an index."""
    found = set()
    for name in {version.agreement for version in versions}:
        begun = [v for v in versions if v.agreement == name and v.effective_from <= at]
        newest = max(begun, key=lambda version: version.effective_from, default=None)
        if newest is None or (newest.effective_until is not None and newest.effective_until <= at):
            continue
        covered = newest.coverage
        at_site = not covered.sites or site in covered.sites
        of_service = not covered.services or bool({*covered.services} & {*services})
        if (covered.sites or covered.services) and at_site and of_service:
            found.add((name, newest.version))
    return found


async def test_what_the_index_finds_is_what_covers_it(scratch: Database) -> None:
    dice, versions = random.Random(7), list[AgreementVersion]()
    async with scratch.transaction() as connection:
        for number in range(20):
            name = f"agreement-{number:02}"
            await add_agreement(connection, Agreement(name, "GB", "GP", "GPROVIDER", "GC"))
            for version in make_versions(dice, name):
                versions.append(version)
                await add_version(connection, version, "a test")
    async with scratch.autocommit() as connection:
        for _ in range(200):
            site = dice.choice([None, *SITES, "unknown"])
            services = dice.sample([*SERVICES, "unknown"], dice.randint(0, 2))
            at = BEGIN + timedelta(days=dice.randint(0, DAYS + 2))
            matches = await find_matches(connection, site, services, at, "default")
            chosen = choose_agreements(matches, "default")
            found = {(match.agreement, match.version) for match in chosen}
            expected = list_expected(versions, site, services, at)
            assert found == (expected or {("default", 1)})


async def test_agreements_are_found_by_the_index(scratch: Database) -> None:
    """With many agreements none is looked at that names neither the site nor a service."""
    async with scratch.transaction() as connection:
        for number in range(300):
            name = f"crowd-{number:03}"
            await add_agreement(connection, Agreement(name, "GB", "GP", "GPROVIDER", "GC"))
            covered = Coverage([f"site-{number}-{each}" for each in range(10)])
            await add_version(
                connection, AgreementVersion(name, 2, BEGIN, coverage=covered), "a test"
            )
    async with scratch.autocommit() as connection:
        await connection.execute(text("ANALYZE agreement_coverages"))
        plan = await connection.execute(
            text("EXPLAIN SELECT * FROM agreement_coverages WHERE kind = 'site' AND value = 'x'")
        )
        assert "ix_agreement_coverages_value" in "\n".join(plan.scalars())
        (found,) = await find_matches(connection, "site-7-3", [], BEGIN)
    assert (found.agreement, found.version) == ("crowd-007", 2)
