"""
Freshly drawn schedules find each faulty signer, and not only the recorded ones.

Only `make soak` runs this folder; tests/test_exactly_once.py plays what is on record in every run.
"""

import pytest

from devstack.environment.stack import Stack
from tests.simulation.runs import (
    ALL_FAULTY_SIGNERS,
    check_failure,
    play_signer,
    search,
)

COMMAND = ".venv/bin/python -m pytest tests/soak/test_faulty_signers.py"


@pytest.mark.parametrize("faulty", ALL_FAULTY_SIGNERS, ids=lambda faulty: faulty.__name__)
def test_a_faulty_signer_is_found_by_search(stack: Stack, faulty: type) -> None:
    with play_signer(stack, faulty) as machine:
        wrong = search(machine, f"{COMMAND} -k {faulty.__name__}")
    check_failure(faulty.__name__, wrong)
