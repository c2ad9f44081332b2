"""
Freshly drawn schedules find each faulty signer, and not only the recorded ones.

Only `make soak` runs this folder; tests/test_exactly_once.py plays what is on record in every run.
"""

from collections.abc import AsyncIterator

import pytest

from tests.simulation.runs import (
    ALL_FAULTY_SIGNERS,
    check_failure,
    play_signer,
    search,
)
from tests.testkit.stacks import Stacks

COMMAND = ".venv/bin/python -m pytest tests/soak/test_faulty_signers.py"


@pytest.fixture(scope="module")
async def server_url(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    async with stacks.start_postgres(tmp_path_factory.mktemp("signers") / "server") as url:
        yield url


@pytest.mark.parametrize("faulty", ALL_FAULTY_SIGNERS, ids=lambda faulty: faulty.__name__)
def test_a_faulty_signer_is_found_by_search(server_url: str, faulty: type) -> None:
    with play_signer(server_url, faulty) as machine:
        wrong = search(machine, f"{COMMAND} -k {faulty.__name__}")
    check_failure(faulty.__name__, wrong)
