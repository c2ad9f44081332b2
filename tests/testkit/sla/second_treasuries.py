"""The second bond and pool of a stack's sandbox: accounts whose seeds its signer has, and that no agreement pays from."""

import json
from typing import Any

from devstack.environment.stack import Stack


def read_second_treasuries(stack: Stack) -> dict[str, str]:
    """Return their addresses as an agreement names them."""
    addresses = _read(stack)["addresses"]
    return {"bond": addresses["second_bond"], "pool": addresses["second_pool"]}


def read_second_seeds(stack: Stack) -> str:
    """Return their seeds as the settlement worker is given them."""
    seeds = _read(stack)["seeds"]
    return f"{seeds['second_bond']}\n{seeds['second_pool']}"


def _read(stack: Stack) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    return known
