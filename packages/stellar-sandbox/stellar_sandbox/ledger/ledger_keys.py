"""Ledger keys: from XDR to the tuples that the sandbox uses."""

from __future__ import annotations

from stellar_sdk import xdr

from stellar_sandbox.ledger.addresses import (
    encode_account,
    encode_contract,
    parse_account_id,
    parse_asset,
)
from stellar_sandbox.ledger.entries import LedgerKey

INSTANCE_KEY = "00000014"  # SCV_LEDGER_KEY_CONTRACT_INSTANCE as hexadecimal XDR


def parse_ledger_key(key: xdr.LedgerKey) -> LedgerKey | None:
    """Return the key; None for kinds of entry that the sandbox does not have."""
    if key.account is not None:
        return ("account", parse_account_id(key.account.account_id))
    if key.trust_line is not None:
        asset = parse_asset(key.trust_line.asset)
        return (asset and ("trustline", parse_account_id(key.trust_line.account_id), asset)) or None
    if key.data is not None:
        name = decode_text(key.data.data_name.string64)
        return (
            None if name is None else ("account-data", parse_account_id(key.data.account_id), name)
        )
    if key.claimable_balance is not None and key.claimable_balance.balance_id.v0 is not None:
        return ("claimable", key.claimable_balance.balance_id.v0.hash.hex())
    if key.contract_data is not None:
        data_key = key.contract_data.key.to_xdr_bytes().hex()
        owner = parse_sc_address(key.contract_data.contract)
        return ("data", owner, data_key, str(int(key.contract_data.durability)))
    return None


def decode_text(raw: bytes) -> str | None:
    """Return the text of a string; None unless it is printable ASCII, as the network requires."""
    return raw.decode("ascii") if all(32 <= byte < 127 for byte in raw) else None


def parse_sc_address(address: xdr.SCAddress) -> str:
    """Return the account or contract of an SCAddress, without its muxed id."""
    if address.account_id is not None:
        return parse_account_id(address.account_id)
    if address.muxed_account is not None:
        return encode_account(address.muxed_account.ed25519.uint256)
    if address.contract_id is not None:
        return encode_contract(address.contract_id.contract_id.hash)
    return ""


def build_instance_key(contract: str) -> LedgerKey:
    return ("data", contract, INSTANCE_KEY, "1")
