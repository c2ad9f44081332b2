"""Moving money between accounts: the one place where a balance grows or shrinks.

Classic operations and the asset's contract meet the same obstacles and give them other numbers.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, asset_contract, issuer_of
from stellar_sandbox.ledger.entries import INT64_MAX
from stellar_sandbox.ledger.ledger_txn import State


class Obstacle(Enum):
    NO_ACCOUNT = auto()
    NO_TRUST = auto()
    NOT_AUTHORIZED = auto()
    UNDERFUNDED = auto()
    LINE_FULL = auto()


class Blocked(Exception):
    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.name)
        self.obstacle = obstacle


def withdraw(state: State, owner: str, asset: str, amount: int) -> None:
    if asset == NATIVE:
        _move_native(state, owner, -amount)
    elif owner != issuer_of(asset):
        _move_issued(state, owner, asset, -amount)


def deposit(state: State, owner: str, asset: str, amount: int) -> None:
    if asset == NATIVE:
        _move_native(state, owner, amount)
    elif owner != issuer_of(asset):
        _move_issued(state, owner, asset, amount)


def _move_native(state: State, owner: str, amount: int) -> None:
    account = state.account(owner)
    if account is None:
        raise Blocked(Obstacle.NO_ACCOUNT)
    if amount < 0 and account.spendable < -amount:
        raise Blocked(Obstacle.UNDERFUNDED)
    if account.balance + amount > INT64_MAX:
        raise Blocked(Obstacle.LINE_FULL)
    state.put(replace(account, balance=account.balance + amount))


def _move_issued(state: State, owner: str, asset: str, amount: int) -> None:
    line = state.trustline(owner, asset)
    if line is None:
        raise Blocked(Obstacle.NO_TRUST)
    if not line.authorized:
        raise Blocked(Obstacle.NOT_AUTHORIZED)
    if line.balance + amount < 0:
        raise Blocked(Obstacle.UNDERFUNDED)
    if amount > 0 and line.balance + amount > line.limit:
        raise Blocked(Obstacle.LINE_FULL)
    state.put(replace(line, balance=line.balance + amount))


def transfer_event(
    passphrase: str,
    asset: str,
    source: bytes,
    target: bytes,
    amount: int,
    *,
    minted: bool = False,
    burned: bool = False,
    tag: bytes | None = None,
) -> bytes:
    """The unified event of a transfer; from the issuer it is a mint, to the issuer a burn."""
    name = "mint" if minted else "burn" if burned else "transfer"
    parties = ([] if minted else [source]) + ([] if burned else [target])
    data = xdr_codec.sc_i128(amount)
    if tag is not None and not burned:
        pairs = [(xdr_codec.sc_symbol("amount"), data), (xdr_codec.sc_symbol("to_muxed_id"), tag)]
        data = xdr_codec.sc_map(pairs)
    topics = [xdr_codec.sc_symbol(name), *parties, xdr_codec.sc_string(asset)]
    return xdr_codec.event(asset_contract(asset, passphrase), topics, data)
