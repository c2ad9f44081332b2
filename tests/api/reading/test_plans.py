"""
Every list that the OpenAPI document offers, with each filter and in each order, is read from an index.

The reads follow from the document: whoever offers a filter without an index for it finds it here. Everything is read
among tens of thousands of rows, and PostgreSQL says what it did.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.settlement.listings import payments as payment_listings
from adapters.postgres.settlement.listings.payments import PaymentFilter
from adapters.postgres.sla import disputes, listings
from api.app import create_app, lifespan
from devstack.bench.reads.offered_reads import NoSample, OfferedRead, list_reads
from devstack.bench.reads.read_samples import read_samples
from devstack.environment.stack import Stack
from domain.access.scopes import Scope
from domain.sla.listings import Ordering, OutageFilter, SortField
from tests.conftest import KEY
from tests.testkit.described_app import get_document
from tests.testkit.reading.large_tables import WEBHOOK, open_large_database
from tests.testkit.reading.statement_plans import list_faults, record_statements

PREFIX = "/api/v1"
DOCUMENT: dict[str, Any] = get_document()


@dataclass(frozen=True)
class LargeHouse:
    """The API on a large database, and a connection to ask for plans as the API's own are made."""

    url: str
    database: Database
    client: httpx.AsyncClient
    plans: psycopg.Connection[Any]
    samples: dict[str, list[str]]


@pytest.fixture(scope="module")
async def house(stack: Stack) -> AsyncIterator[LargeHouse]:
    async with open_large_database(stack) as url:
        with pytest.MonkeyPatch.context() as patch:
            # With an agreement of its own: the scratch database has a default one of nobody.
            own = {"DATABASE_URL": url, "SLA_AGREEMENT": "house"}
            for name, value in (stack.environment | own).items():
                patch.setenv(name, value)
            app = create_app()
            async with lifespan(app):
                opened = _open_house(url, app)
                yield opened
                opened.plans.close()
                await opened.client.aclose()


def _open_house(url: str, app: FastAPI) -> LargeHouse:
    database: Database = app.state.engine.database
    options = "-c plan_cache_mode=force_custom_plan -c random_page_cost=1.1 -c jit=off"
    return LargeHouse(
        url,
        database,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=f"http://127.0.0.1{PREFIX}",
            headers={"X-API-Key": KEY},
        ),
        psycopg.connect(url, autocommit=True, options=options),
        read_samples(url, WEBHOOK),
    )


async def _list_faults(house: LargeHouse, read: OfferedRead) -> list[str]:
    with record_statements(house.database) as log:
        answer = await house.client.get(read.path, params=dict(read.parameters))
    assert answer.status_code == 200, f"{read}: {answer.text}"
    return [
        f"{read}: {fault}\n    {statement}"
        for statement, values in log.statements
        for fault in list_faults(house.plans, statement, values)
    ]


@pytest.mark.parametrize(
    "noun",
    [
        *("/outages", "/outages/violations", "/payments", "/sla/disputes", "/audit", "/events"),
        *("/webhooks", "/intake", "/agreements", "/parties", "/wallets", "/reconciliation"),
        *("/outages/bulk", "/people", "/api-keys", "/integrity-checks"),
        *("/jobs", "/imports", "/sla/analytics"),
    ],
)
async def test_every_offered_read_is_read_from_an_index(house: LargeHouse, noun: str) -> None:
    reads = [each for each in list_reads(DOCUMENT, PREFIX, house.samples) if _is_of(noun, each)]
    assert reads
    faults = [fault for read in reads for fault in await _list_faults(house, read)]
    assert faults == []


def _is_of(noun: str, read: OfferedRead) -> bool:
    if noun in ("/outages", "/payments", "/audit"):
        return read.path == noun
    return read.path == noun or read.path.startswith(f"{noun}/")


async def test_no_offered_read_is_left_out(house: LargeHouse) -> None:
    """A list that is new belongs to one of the nouns above."""
    marks = [
        mark
        for mark in test_every_offered_read_is_read_from_an_index.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]
    nouns = marks[0].args[1]
    left = [
        str(each)
        for each in list_reads(DOCUMENT, PREFIX, house.samples)
        if not any(_is_of(noun, each) for noun in nouns)
    ]
    # What waits for approval is what a limit held back, and there are few treasuries.
    assert set(left) <= {"/payments/approvals", "/treasuries"}


def test_a_new_filter_needs_a_sample() -> None:
    offered = {"in": "query", "name": "colour", "schema": {}}
    paged = {"in": "query", "name": "page", "schema": {}}
    document = {"paths": {"/api/v1/things": {"get": {"parameters": [offered, paged]}}}}
    with pytest.raises(NoSample, match="/things offers 'colour'"):
        list_reads(document, PREFIX, {})


async def test_a_scan_of_a_large_table_is_found(house: LargeHouse) -> None:
    """The check can fail: here it does."""
    for statement, fault in (
        ("SELECT * FROM outages WHERE root_cause = 'x'", "reads all of outages"),
        ("SELECT id FROM payments ORDER BY to_address LIMIT 5", "sorts"),
    ):
        assert fault in " ".join(list_faults(house.plans, statement, {}))


@pytest.mark.parametrize("field", SortField)
@pytest.mark.parametrize("which", [0, 1], ids=["of many outages", "of few outages"])
async def test_what_a_party_is_shown_is_read_from_an_index(
    house: LargeHouse, field: SortField, which: int
) -> None:
    party = house.plans.execute(
        "SELECT beneficiary_party FROM agreements WHERE name = %s",
        [house.samples["agreement"][which]],
    ).fetchone()
    assert party is not None
    scope, newest = Scope(party[0]), ListSegment(20)
    with record_statements(house.database) as log:
        async with house.database.autocommit() as connection:
            for descending in (False, True):
                ordering = Ordering(field, descending)
                await listings.list_page(connection, scope, OutageFilter(), ordering)
            whole = len(log.statements)
            await payment_listings.list_page(connection, scope, PaymentFilter(), newest)
            await disputes.list_page(connection, scope, newest)
    # How many payments a party has is counted by its outages, and so takes as long as they are many.
    pages = [each for each in log.statements[whole:] if "count(*)" not in each[0]]
    assert len(pages) >= 4
    faults = [
        f"{fault}\n    {statement}"
        for statement, values in [*log.statements[:whole], *pages]
        for fault in list_faults(house.plans, statement, values)
    ]
    assert faults == []
