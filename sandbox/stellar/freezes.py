"""Accounts that the validators have frozen (CAP-77), and which transactions touch them.

A frozen account takes its trustlines with it here. What touches one is not valid: it is refused
when it is sent, and enters no ledger if it waited already. A claimable balance may still be made
for somebody frozen, since it touches only who makes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from stellar_sdk import xdr

from sandbox.stellar.addresses import account_of, muxed_of
from sandbox.stellar.operations import source_of
from sandbox.stellar.transactions import Envelope


def touches(envelope: Envelope, frozen: frozenset[str]) -> bool:
    """Whether any of these accounts pays, acts, is paid or is named in the footprint."""
    return bool(frozen) and not frozen.isdisjoint(_touched(envelope))


def _touched(envelope: Envelope) -> Iterator[str]:
    yield envelope.source
    yield envelope.fee_source
    if envelope.footprint is not None:
        yield from (key[1] for key in envelope.footprint.readable)
    for operation in envelope.operations:
        yield source_of(operation, envelope.source)
        yield from _targets(operation.body)


def _targets(body: xdr.OperationBody) -> Iterator[str]:
    if body.payment_op is not None:
        yield muxed_of(body.payment_op.destination)[0]
    if body.create_account_op is not None:
        yield account_of(body.create_account_op.destination)
    if body.set_trust_line_flags_op is not None:
        yield account_of(body.set_trust_line_flags_op.trustor)
