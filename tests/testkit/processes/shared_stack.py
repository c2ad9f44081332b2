"""
The whole product, started once for all tests that need it: real PostgreSQL, real Temporal, real
workers and API, and the Stellar network in a box with quick ledgers.

Tests that kill things start a stack of their own, so that this one stays whole.
"""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress

import httpx
import pytest
from hypothesis import settings
from temporalio.client import Client

from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from tests.conftest import JWT_SECRET, KEY
from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import AT_ONCE, BRIEF, TERMS
from tests.testkit.integration.event_checker import check_events
from tests.testkit.problem_checker import check_problem
from tests.testkit.settlement.payment_factory import open_rail
from tests.testkit.stacks import RUNNING, Stacks

# A busy machine is no failure of a property.
# The same examples each time: who changes one thing is not told of another. `make soak` draws fresh ones.
settings.register_profile("house", deadline=None, derandomize="FRESH" not in os.environ)
settings.load_profile("house")

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails may leave the circuit breaker open, and fails alone: those after it find it closed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    if call.when == "teardown" and item.stash.get(FAILED, False):
        for stack in RUNNING:
            close_circuit_breaker(stack)
    return report


def close_circuit_breaker(stack: Stack) -> None:
    url = f"{stack.url}/api/v1/payments/circuit-breaker"
    said = {"action": "close", "reason": "a test failed, and the next is another day"}
    with suppress(httpx.TransportError):
        httpx.post(url, json=said, headers={"X-API-Key": KEY}, timeout=10, trust_env=False)


@pytest.fixture(scope="session")
def surroundings() -> Iterator[None]:
    """Nothing of the developer's own environment leads the suite to another database or chain."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name == "DATABASE_URL" or name.startswith(
                (
                    "TEMPORAL_",
                    "LOG_",
                    "STELLAR_",
                    "SLA_",
                    "SETTLEMENT_",
                    "RECONCILIATION_",
                    "INTEGRITY_CHECK_",
                    "JWT_",
                    "WEBHOOK_",
                    "SESSION_",
                    "REGISTRATION",
                )
            ):
                patch.delenv(name)
        patch.setenv("BOOTSTRAP_API_KEY", KEY)
        patch.setenv("JWT_SECRET_KEY", JWT_SECRET)
        yield


@pytest.fixture(scope="session")
def stacks(surroundings: None, tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """Where stacks come from; the workers of one run share what is made once."""
    folder = tmp_path_factory.getbasetemp()
    return Stacks((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "cluster")


@pytest.fixture(scope="session")
async def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Everything, kept alive until the last test has ended."""
    settings = {
        # Some tests write to the journal what nobody should, and take it back: that must not stop the others.
        "INTEGRITY_CHECK_OPENS_CIRCUIT_BREAKER": "false",
        # Nobody else has the channels of this network; with each ledger, looks are a fifth of what an idle stack takes.
        "CHANNEL_CLAIM_CHECK_SECONDS": "2",
    }
    made = tmp_path_factory.mktemp("stack")
    async with stacks.start(made, relays=False, settings=settings) as running:
        yield running
        published = Database(running.environment["DATABASE_URL"], connections_max=1)
        await check_events(published)
        await published.close()


@pytest.fixture(scope="session")
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the HTTP API with an admin's key; the suite's own policies are published."""
    client = httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1",
        headers={"X-API-Key": KEY},
        timeout=30,
        trust_env=False,
        event_hooks={"response": [check_problem]},
    )
    async with client:
        for name, window, patience in ((AT_ONCE, 0, 0), (BRIEF, 3, 1)):
            policy = {
                "name": name,
                "dispute_window_seconds": window,
                "decision_window_seconds": patience,
                "terms": TERMS,
            }
            answer = await client.post("/sla/policies", json=policy)
            assert answer.status_code == 201, answer.text
        yield client


@pytest.fixture(scope="session")
async def decider(api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A second person: who declared an outage or filed a dispute does not decide it."""
    async with await open_second_person(api) as client:
        yield client


@pytest.fixture(scope="session")
async def database(stack: Stack) -> AsyncIterator[Database]:
    """The database of record itself, for what the API does not show."""
    opened = Database(stack.environment["DATABASE_URL"], connections_max=4)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def rail(stack: Stack) -> AsyncIterator[Rail]:
    """The rail, for tests that run the activities of a payment themselves."""
    rail = open_rail(stack)
    yield rail
    await rail.close()


@pytest.fixture
async def chain(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The chain's fault plan, empty again afterwards."""
    url = stack.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        yield client
        (await client.post("/faults", json={"faults": []})).raise_for_status()


@pytest.fixture(scope="session")
async def temporal(stack: Stack) -> Client:
    """The workflow server, for what only operators see."""
    return await Client.connect(stack.environment["TEMPORAL_ADDRESS"])
