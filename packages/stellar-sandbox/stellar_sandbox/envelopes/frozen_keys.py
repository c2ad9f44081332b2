"""Frozen ledger keys (CAP-77): which accounts are frozen, and which transactions touch them.

Freezing an account freezes its trustline too. A transaction that touches one is invalid: it is
refused when it is sent, and enters no ledger if it was queued. A claimable balance may still be
created for a frozen account, since that touches only the creator.
"""

from __future__ import annotations

from collections.abc import Iterator

from stellar_sdk import Asset, Keypair, xdr
from stellar_sdk.xdr import ConfigSettingID

from stellar_sandbox.envelopes.transaction_frame import TransactionFrame, get_source
from stellar_sandbox.ledger.addresses import parse_account_id, parse_muxed_account

FROZEN_KEYS = ConfigSettingID.CONFIG_SETTING_FROZEN_LEDGER_KEYS


def touches_frozen_account(envelope: TransactionFrame, frozen: frozenset[str]) -> bool:
    """Whether a frozen account is a source, a destination or in the footprint."""
    return bool(frozen) and not frozen.isdisjoint(_list_accounts(envelope))


def _list_accounts(envelope: TransactionFrame) -> Iterator[str]:
    yield envelope.source
    yield envelope.fee_source
    if envelope.footprint is not None:
        yield from (key[1] for key in envelope.footprint.readable)
    for operation in envelope.operations:
        yield get_source(operation, envelope.source)
        yield from _list_destinations(operation.body)


def _list_destinations(body: xdr.OperationBody) -> Iterator[str]:
    if body.payment_op is not None:
        yield parse_muxed_account(body.payment_op.destination)[0]
    if body.create_account_op is not None:
        yield parse_account_id(body.create_account_op.destination)
    if body.set_trust_line_flags_op is not None:
        yield parse_account_id(body.set_trust_line_flags_op.trustor)


def is_frozen_keys_setting(key: xdr.LedgerKey) -> bool:
    setting = key.config_setting
    return setting is not None and setting.config_setting_id is FROZEN_KEYS


def encode_frozen_keys(frozen: frozenset[str], asset: str) -> str:
    """Return CONFIG_SETTING_FROZEN_LEDGER_KEYS as base64: an account and a trustline for each."""
    keys = [
        xdr.EncodedLedgerKey(key.to_xdr_bytes())
        for address in sorted(frozen)
        for key in _build_keys(address, asset)
    ]
    entry = xdr.ConfigSettingEntry(FROZEN_KEYS, frozen_ledger_keys=xdr.FrozenLedgerKeys(keys))
    data = xdr.LedgerEntryData(xdr.LedgerEntryType.CONFIG_SETTING, config_setting=entry)
    return data.to_xdr()


def _build_keys(address: str, asset: str) -> Iterator[xdr.LedgerKey]:
    account = Keypair.from_public_key(address).xdr_account_id()
    yield xdr.LedgerKey(xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account))
    line = Asset(*asset.split(":")).to_trust_line_asset_xdr_object()
    trust_line = xdr.LedgerKeyTrustLine(account, line)
    yield xdr.LedgerKey(xdr.LedgerEntryType.TRUSTLINE, trust_line=trust_line)
