"""Every transfer that the chain ever made, read from its own history, for tests."""

from devstack.soak.chain_history import HistoryTransfer, list_transfers, list_transfers_of

__all__ = ["HistoryTransfer", "list_transfers", "list_transfers_of"]
