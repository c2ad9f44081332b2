"""
No-op transactions: they pay nobody and only use up a sequence.

A payment keeps its (channel, sequence) until the network has consumed it. When its bytes have expired
and its payee cannot be paid now, a no-op transaction consumes the sequence, so that the channel does
not have to wait until somebody acts.
"""

from datetime import datetime

from stellar_sdk import Account, TransactionBuilder, TransactionEnvelope

from adapters.stellar.signing.soroban_transfers import BACKSTOP, MIN_FEE


def draft(
    passphrase: str, channel: str, sequence: int, max_ledger: int, now: datetime
) -> TransactionEnvelope:
    """Build the unsigned no-op transaction: it bumps the sequence to 0, which it has long passed."""
    builder = TransactionBuilder(Account(channel, sequence - 1), passphrase, MIN_FEE)
    builder.append_bump_sequence_op(0)
    builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
    return builder.set_ledger_bounds(0, max_ledger).build()
