"""The moves of the network, which schedules of payments and of batches have in common."""

from abc import abstractmethod
from typing import Any, ClassVar

from hypothesis import strategies as st

from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.recorded_schedules import Recorded, rule
from tests.simulation.scratch_databases import ScratchDatabase
from tests.simulation.world import BENEFICIARY, CHANNEL_KEYS, NODES, PROVIDER, SimulatedWorld

SEND = "sendTransaction"
KINDS = st.sampled_from(
    [
        *(Fault(kind, SEND, rate=0.7) for kind in ("accept_then_timeout", "reset_before")),
        *(Fault(kind, SEND, rate=0.7) for kind in ("reset_after", "too_many_requests")),
        *(Fault(kind, SEND, rate=0.7) for kind in ("bad_gateway", "internal_error", "garbage")),
        *(Fault(kind, rate=0.3) for kind in ("bad_gateway", "garbage", "internal_error")),
        *(Fault("node_down", node=node) for node in range(NODES)),
        *(Fault("lagging_node", node=node, value=lag) for node in range(NODES) for lag in (2, 12)),
        Fault("racy_not_found", rate=0.6),
        Fault("banned_hash", rate=0.6),
        Fault("dropped_transaction", rate=0.6),
        Fault("surge_fee", value=30_000),
        Fault("surge_fee", value=3_000_000_000),
        Fault("frozen_trustline", address=BENEFICIARY.public_key),
        Fault("frozen_key", address=BENEFICIARY.public_key),
        Fault("frozen_key", address=CHANNEL_KEYS[0].public_key),
        Fault("removed_trustline", address=PROVIDER.public_key),
        Fault("short_retention", value=3),
        Fault("network_halt"),
        Fault("protocol_upgrade", value=28),
    ]
)


class NetworkMoves(Recorded):
    """A network that closes ledgers and has faults; what pays over it is added by who inherits."""

    scratch: ClassVar[ScratchDatabase]
    world: SimulatedWorld

    def do(self, work: Any) -> Any:
        return self.scratch.loop.run(work)

    @abstractmethod
    def check_credits(self) -> None:
        """Check that each payment was credited at most once."""

    @rule(ledgers=st.sampled_from([1, 1, 2, 3, 5, 8, 30]))
    def close(self, ledgers: int) -> None:
        self.world.close_ledgers(ledgers)
        self.check_credits()

    @rule(faults=st.lists(KINDS, max_size=3), seed=st.integers(0, 7))
    def inject_faults(self, faults: list[Fault], seed: int) -> None:
        # A plan counts down what is left of a fault, so each has its own.
        self.world.plan([Fault(**fields(fault)) for fault in faults], seed)
        for fault in faults:
            self.scratch.met[f"fault {fault.kind}"] += 1
        self.check_credits()


def fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__slots__}
