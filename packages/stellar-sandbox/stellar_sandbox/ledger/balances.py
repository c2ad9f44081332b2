"""Transfers between accounts: the one place where a balance changes.

Classic operations and the asset contract fail for the same reasons, with different codes.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, derive_asset_contract, get_issuer
from stellar_sandbox.ledger.entries import INT64_MAX
from stellar_sandbox.ledger.ledger_txn import LedgerTxn


class TransferError(Enum):
    NO_ACCOUNT = auto()
    NO_TRUST = auto()
    NOT_AUTHORIZED = auto()
    UNDERFUNDED = auto()
    LINE_FULL = auto()


class TransferFailed(Exception):
    def __init__(self, error: TransferError) -> None:
        super().__init__(error.name)
        self.error = error


def withdraw(ltx: LedgerTxn, owner: str, asset: str, amount: int) -> None:
    if asset == NATIVE:
        _move_native(ltx, owner, -amount)
    elif owner != get_issuer(asset):
        _move_issued(ltx, owner, asset, -amount)


def deposit(ltx: LedgerTxn, owner: str, asset: str, amount: int) -> None:
    if asset == NATIVE:
        _move_native(ltx, owner, amount)
    elif owner != get_issuer(asset):
        _move_issued(ltx, owner, asset, amount)


def _move_native(ltx: LedgerTxn, owner: str, amount: int) -> None:
    account = ltx.load_account(owner)
    if account is None:
        raise TransferFailed(TransferError.NO_ACCOUNT)
    if amount < 0 and account.available_balance < -amount:
        raise TransferFailed(TransferError.UNDERFUNDED)
    if account.balance + amount > INT64_MAX:
        raise TransferFailed(TransferError.LINE_FULL)
    ltx.put(replace(account, balance=account.balance + amount))


def _move_issued(ltx: LedgerTxn, owner: str, asset: str, amount: int) -> None:
    line = ltx.load_trustline(owner, asset)
    if line is None:
        raise TransferFailed(TransferError.NO_TRUST)
    if not line.authorized:
        raise TransferFailed(TransferError.NOT_AUTHORIZED)
    if line.balance + amount < 0:
        raise TransferFailed(TransferError.UNDERFUNDED)
    if amount > 0 and line.balance + amount > line.limit:
        raise TransferFailed(TransferError.LINE_FULL)
    ltx.put(replace(line, balance=line.balance + amount))


def build_transfer_event(
    passphrase: str,
    asset: str,
    source: bytes,
    target: bytes,
    amount: int,
    *,
    minted: bool = False,
    burned: bool = False,
    to_muxed_id: bytes | None = None,
) -> bytes:
    """Return the CAP-67 event of a transfer; from the issuer it is a mint, to the issuer a burn."""
    name = "mint" if minted else "burn" if burned else "transfer"
    parties = ([] if minted else [source]) + ([] if burned else [target])
    data = xdr_codec.encode_i128(amount)
    if to_muxed_id is not None and not burned:
        pairs = [
            (xdr_codec.encode_symbol("amount"), data),
            (xdr_codec.encode_symbol("to_muxed_id"), to_muxed_id),
        ]
        data = xdr_codec.encode_map(pairs)
    topics = [xdr_codec.encode_symbol(name), *parties, xdr_codec.encode_string(asset)]
    return xdr_codec.encode_event(derive_asset_contract(asset, passphrase), topics, data)
