"""The chain's own history, to compare with what the engine says."""

from devstack.soak.chain_history import HistoryTransfer, transfers, transfers_of

__all__ = ["HistoryTransfer", "transfers", "transfers_of"]
