"""Accounts that the validators have frozen (CAP-77), and which transactions touch them.

A frozen account takes its trustlines with it here. What touches one is not valid: it is refused
when it is sent, and enters no ledger if it waited already. A claimable balance may still be made
for somebody frozen, since it touches only who makes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from stellar_sdk import Asset, Keypair, xdr
from stellar_sdk.xdr import ConfigSettingID

from stellar_sandbox.envelopes.transaction_frame import Envelope, source_of
from stellar_sandbox.ledger.addresses import account_of, muxed_of

FROZEN_KEYS = ConfigSettingID.CONFIG_SETTING_FROZEN_LEDGER_KEYS


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


def is_asked_for(key: xdr.LedgerKey) -> bool:
    setting = key.config_setting
    return setting is not None and setting.config_setting_id is FROZEN_KEYS


def setting(frozen: frozenset[str], asset: str) -> str:
    """The setting that tells what is frozen, as base64: an account and its trustline for each."""
    keys = [
        xdr.EncodedLedgerKey(key.to_xdr_bytes())
        for address in sorted(frozen)
        for key in _keys(address, asset)
    ]
    entry = xdr.ConfigSettingEntry(FROZEN_KEYS, frozen_ledger_keys=xdr.FrozenLedgerKeys(keys))
    data = xdr.LedgerEntryData(xdr.LedgerEntryType.CONFIG_SETTING, config_setting=entry)
    return data.to_xdr()


def _keys(address: str, asset: str) -> Iterator[xdr.LedgerKey]:
    account = Keypair.from_public_key(address).xdr_account_id()
    yield xdr.LedgerKey(xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account))
    line = Asset(*asset.split(":")).to_trust_line_asset_xdr_object()
    trust_line = xdr.LedgerKeyTrustLine(account, line)
    yield xdr.LedgerKey(xdr.LedgerEntryType.TRUSTLINE, trust_line=trust_line)
