"""A stack with limits that put payments on hold, and the people who may approve them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.conftest import KEY
from tests.testkit.api_client import AT_ONCE, TERMS
from tests.testkit.stacks import Stacks

PEOPLE = {
    "ada": Role.FINANCE,
    "bob": Role.FINANCE,
    "eve": Role.ADMIN,
    "kim": Role.OPERATOR,
    "root": Role.ADMIN,
}


@pytest.fixture(scope="package")
async def limited(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that asks for approval above 1200 USDC and moves at most 5000 at once."""
    # Not by the suite's own environment, which later stacks would inherit.
    limits = {
        "SETTLEMENT_APPROVAL_ABOVE": "1200",
        "SETTLEMENT_APPROVAL_ABOVE_STATED": "500",
        "SETTLEMENT_CAP_PER_PAYMENT": "5000",
        "SETTLEMENT_CAP_PER_DAY": "500000.5",
        "SETTLEMENT_CAP_PER_PAYEE_PER_DAY": "none",
        "RECONCILIATION_EVERY_SECONDS": "2",
    }
    async with stacks.start(tmp_path_factory.mktemp("limited"), settings=limits) as running:
        yield running


@pytest.fixture(scope="package")
async def people(limited: Stack) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Everybody's own client; `admin` has published a policy that settles at once."""
    scratch = Database(limited.environment["DATABASE_URL"], connections_max=1)
    keys = {"admin": KEY} | {name: f"key-of-{name}-for-the-limits" for name in PEOPLE}
    async with scratch.transaction() as connection:
        for name, role in PEOPLE.items():
            await api_keys.save_key(connection, name, role, keys[name])
    await scratch.close()
    found = {
        name: httpx.AsyncClient(
            base_url=f"{limited.url}/api/v1",
            headers={"X-API-Key": key},
            timeout=30,
            trust_env=False,
        )
        for name, key in keys.items()
    }
    policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "terms": TERMS}
    assert (await found["admin"].post("/sla/policies", json=policy)).status_code == 201
    yield found
    for client in found.values():
        await client.aclose()
