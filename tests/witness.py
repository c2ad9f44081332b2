"""The chain as a witness, for tests."""

from benchmarks.witnesses import Transfer, transfers, transfers_of

__all__ = ["Transfer", "transfers", "transfers_of"]
