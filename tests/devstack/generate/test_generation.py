"""Generated outages are the same from the same seed, hold every invariant, and are what the API can show."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text

from adapters.postgres.accounting import invariants
from adapters.postgres.analytics import rollups, trends
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, verdicts
from devstack.environment.stack import Stack
from devstack.generate.generated_outages import OutageSource
from devstack.generate.generation import GenerationOptions, generate
from devstack.generate.trail_rows import list_changes, render_entry
from domain.access.scopes import EVERYTHING
from domain.analytics.trends import AnalyticsFilter
from domain.audit import make_audit_entry
from domain.events import EventType
from domain.requests import Request
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms
from tests.testkit import stacks

ROWS = 3_000
UNTIL = datetime(2026, 11, 30, tzinfo=UTC)
TERMS = {severity: Terms(30, 50, 750) for severity in Severity}


@pytest.fixture(scope="module")
async def generated(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        # Until now: what could be disputed yesterday would be overdue today.
        now, half = datetime.now(UTC), ROWS // 2
        await asyncio.to_thread(generate, url, GenerationOptions(half, seed=3, until=now))
        await asyncio.to_thread(generate, url, GenerationOptions(half, 3, half + 1, now))
        yield database


async def count(database: Database, statement: str) -> int:
    async with database.autocommit() as connection:
        return int(await connection.scalar(text(statement)) or 0)


async def test_every_invariant_holds_of_what_is_generated(generated: Database) -> None:
    async with generated.transaction() as connection:
        assert await invariants.check(connection) == []


@pytest.mark.parametrize(
    ("what", "least"),
    [
        ("outages", ROWS),
        ("outages WHERE status = 'declared'", 1),
        ("outages WHERE status = 'closed'", ROWS * 0.9),
        ("outages WHERE status = 'cancelled'", ROWS * 0.01),
        ("outages WHERE status = 'voided'", 1),
        ("outages WHERE severity = 'critical'", ROWS * 0.04),
        ("sla_results WHERE revision = 2", 10),
        ("payments WHERE status = 'confirmed'", ROWS * 0.9),
        ("disputes WHERE decided_at IS NOT NULL", ROWS * 0.01),
        ("postings", ROWS * 5),
        ("audit_entries WHERE action = 'outage.judged'", ROWS * 0.9),
        ("events", ROWS * 2),
        ("agreements", 300),
        ("parties WHERE kind = 'customer'", 100),
    ],
)
async def test_everything_that_belongs_to_outages_is_there(
    generated: Database, what: str, least: float
) -> None:
    assert await count(generated, f"SELECT count(*) FROM {what}") >= least


async def test_analytics_know_what_is_generated(generated: Database) -> None:
    async with generated.autocommit() as connection:
        shown = await trends.get_totals(connection, EVERYTHING, AnalyticsFilter())
        assert await rollups.count_changes(connection) == 0
    assert shown.detected == ROWS
    cancelled = await count(generated, "SELECT count(*) FROM outages WHERE status = 'cancelled'")
    assert shown.cancelled == cancelled
    owed = "SELECT sum(amount_stroops) FROM postings WHERE account = 'expense:penalty'"
    assert shown.penalties_stroops == await count(generated, owed)


async def test_rows_are_whole(generated: Database) -> None:
    """They were written past the constraints: each is checked here."""
    constraints = """
        SELECT count(*) FROM {} x LEFT JOIN {} y ON {} WHERE y.ctid IS NULL
    """
    for child, parent, joined in (
        ("sla_results", "outages", "y.id = x.outage_id"),
        ("payments", "sla_results", "(y.outage_id, y.revision) = (x.outage_id, x.revision)"),
        (
            "outages",
            "agreement_versions",
            "(y.agreement, y.version) = (x.agreement, x.agreement_version)",
        ),
        ("outages", "parties", "y.id = x.customer"),
        ("outages", "policies", "(y.name, y.version) = (x.policy, x.policy_version)"),
        ("entries", "sla_results", "y.payment_id = x.payment_id"),
        ("events", "audit_entries", "y.id = x.entry_id"),
        ("allocations", "attempts", "(y.payment_id, y.n) = (x.lead_payment_id, x.n)"),
        ("envelopes", "attempts", "(y.payment_id, y.n) = (x.payment_id, x.n)"),
    ):
        assert await count(generated, constraints.format(child, parent, joined)) == 0, child
    newest = """
        SELECT count(*) FROM outages o WHERE verdict_status IS DISTINCT FROM (
            SELECT status FROM sla_results r WHERE r.outage_id = o.id ORDER BY revision DESC LIMIT 1)
    """
    assert await count(generated, newest) == 0


async def test_the_product_reads_what_is_generated(generated: Database) -> None:
    async with generated.autocommit() as connection:
        record = await outages.get(connection, "GEN3-00000017", EVERYTHING)
        judged = await verdicts.list_by_outage(connection, "GEN3-00000017")
    assert record.outage.affected_services
    assert record.judged is None or record.judged[0] == judged[-1].revision


async def test_the_same_outages_are_not_added_twice(generated: Database) -> None:
    url = generated.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await asyncio.to_thread(generate, url, GenerationOptions(5, seed=3, first=ROWS))
    assert await count(generated, "SELECT count(*) FROM outages") == ROWS


def test_the_trail_is_what_the_domain_would_write() -> None:
    policy = Policy("standard", 1, BEGINNING_OF_TIME, 0, 0, TERMS)
    for outage in OutageSource(1, UNTIL, policy.terms).draw_outages(1, 200):
        for change in list_changes(outage):
            by = Request(change.actor, f"gen-{outage.n}")
            subject = f"outage/{outage.id}"
            entry = make_audit_entry(subject, change.action, by, change.at, change.evidence)
            rendered = render_entry(entry.id, subject, by.correlation_id, change)
            assert rendered == entry.content()
            assert change.event in set(EventType)


def test_a_seed_makes_the_same_outages_whatever_part_is_asked_for() -> None:
    policy = Policy("standard", 1, BEGINNING_OF_TIME, 0, 0, TERMS)
    sources = [OutageSource(seed, UNTIL, policy.terms) for seed in (1, 1, 2)]
    whole, again, other = (list(each.draw_outages(1, 60)) for each in sources)
    assert whole == again
    assert whole[40:] == list(sources[1].draw_outages(41, 20))
    assert [each.detected_at for each in whole] != [each.detected_at for each in other]
    assert all(each.detected_at < UNTIL for each in whole)
