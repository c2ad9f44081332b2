"""The chain as a witness, for tests."""

from devstack.soak.chain_history import HistoryTransfer, transfers, transfers_of

__all__ = ["HistoryTransfer", "transfers", "transfers_of"]
