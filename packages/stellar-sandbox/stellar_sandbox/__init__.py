"""A Stellar network in one process: see README.md."""

from stellar_sandbox.client import InProcessClient, StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.network.genesis import Genesis

__all__ = ["Fault", "Genesis", "InProcessClient", "StellarSandbox"]
