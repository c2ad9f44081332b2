"""A deployed SLA contract on a network in memory."""

from collections.abc import AsyncIterator

import pytest

from adapters.stellar.finality import sla_contract as calculators
from stellar_sandbox.calculator import contract_state
from stellar_sandbox.testing.contract_results import PEOPLE
from stellar_sandbox.testing.local_client import LocalClient

ADMIN, OPERATOR = PEOPLE["admin"], PEOPLE["operator"]
OPENED = contract_state.build_initial_state(ADMIN.public_key, OPERATOR.public_key, 100)


@pytest.fixture
async def counter() -> AsyncIterator[LocalClient]:
    made = LocalClient(1_790_000_000)
    made.deploy(OPENED)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def _short_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculators, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(calculators, "LOOK_EVERY_SECONDS", 0.01)
