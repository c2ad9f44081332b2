"""Faults that are written into the ledger itself: what each changes, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import orjson

from stellar_sandbox.ledger.entries import AUTHORIZED, MAINTAIN_LIABILITIES, Entry, Key, Trustline
from stellar_sandbox.ledger.ledger_txn import State

FACT = "disturbed"

Disturbance = tuple[str, str]  # the kind of fault, and whom it was done to
Change = tuple[list[Entry], list[Key]]


def begin(what: Disturbance, asset: str, state: State) -> Change:
    """The holder is frozen by the issuer, or sends everything back and closes the line."""
    kind, address = what
    line, account = state.trustline(address, asset), state.account(address)
    if line is None or account is None:
        return [], []
    if kind == "frozen_trustline":
        return [replace(line, flags=MAINTAIN_LIABILITIES)], []
    return [replace(account, sub_entries=account.sub_entries - 1)], [line.key]


def end(what: Disturbance, asset: str, state: State) -> Change:
    """The holder is authorized again, or opens the line again, with nothing on it."""
    kind, address = what
    line, account = state.trustline(address, asset), state.account(address)
    if account is None:
        return [], []
    if kind == "frozen_trustline":
        return [replace(line, flags=AUTHORIZED)] if line else [], []
    if line is not None:
        return [], []
    richer = replace(account, sub_entries=account.sub_entries + 1)
    return [richer, Trustline(address, asset, 0)], []


def note(lasting: Iterable[Disturbance]) -> tuple[str, str]:
    """What the ledger's file keeps, so that a restart can put everything back."""
    return FACT, orjson.dumps(list(lasting)).decode()


def read_note(text: str | None) -> list[Disturbance]:
    return [(kind, address) for kind, address in orjson.loads(text or "[]")]
