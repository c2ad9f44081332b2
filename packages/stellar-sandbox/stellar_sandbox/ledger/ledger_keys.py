"""Ledger keys as clients write them, turned into the box's own."""

from __future__ import annotations

from stellar_sdk import xdr

from stellar_sandbox.ledger.addresses import account_of, account_text, asset_of, contract_text
from stellar_sandbox.ledger.entries import Key

INSTANCE_SLOT = "00000014"  # SCV_LEDGER_KEY_CONTRACT_INSTANCE, as its XDR in hex


def key_of(key: xdr.LedgerKey) -> Key | None:
    """The key; None for kinds of entry that the box never holds."""
    if key.account is not None:
        return ("account", account_of(key.account.account_id))
    if key.trust_line is not None:
        asset = asset_of(key.trust_line.asset)
        return (asset and ("trustline", account_of(key.trust_line.account_id), asset)) or None
    if key.claimable_balance is not None and key.claimable_balance.balance_id.v0 is not None:
        return ("claimable", key.claimable_balance.balance_id.v0.hash.hex())
    if key.contract_data is not None:
        slot = key.contract_data.key.to_xdr_bytes().hex()
        owner = address_of(key.contract_data.contract)
        return ("data", owner, slot, str(int(key.contract_data.durability)))
    return None


def address_of(address: xdr.SCAddress) -> str:
    """The account or contract behind a contract's argument, its muxed id left aside."""
    if address.account_id is not None:
        return account_of(address.account_id)
    if address.muxed_account is not None:
        return account_text(address.muxed_account.ed25519.uint256)
    if address.contract_id is not None:
        return contract_text(address.contract_id.contract_id.hash)
    return ""


def instance_key(contract: str) -> Key:
    return ("data", contract, INSTANCE_SLOT, "1")
