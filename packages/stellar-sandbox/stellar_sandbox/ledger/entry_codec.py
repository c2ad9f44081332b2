"""Ledger keys, ledger entries and their changes as XDR."""

from __future__ import annotations

from struct import pack

from stellar_sandbox.ledger.entries import (
    AccountEntry,
    ClaimableBalanceEntry,
    ContractDataEntry,
    DataEntry,
    LedgerEntry,
    LedgerKey,
    TrustLineEntry,
)
from stellar_sandbox.ledger.xdr_codec import (
    ONE,
    ZERO,
    encode_account_id,
    encode_address,
    encode_array,
    encode_asset,
    encode_opaque,
)


def encode_ledger_key(key: LedgerKey) -> bytes:
    match key:
        case ("account", address):
            return pack(">i", 0) + encode_account_id(address)
        case ("trustline", owner, asset):
            return pack(">i", 1) + encode_account_id(owner) + encode_asset(asset)
        case ("account-data", owner, name):
            return pack(">i", 3) + encode_account_id(owner) + encode_opaque(name.encode())
        case ("claimable", balance_id):
            return pack(">ii", 4, 0) + bytes.fromhex(balance_id)
        case ("data", contract, data_key, durability):
            key_bytes = bytes.fromhex(data_key) + pack(">i", int(durability))
            return pack(">i", 6) + encode_address(contract) + key_bytes
    raise ValueError(key)


def encode_entry_data(entry: LedgerEntry) -> bytes:
    if isinstance(entry, AccountEntry):
        return pack(">i", 0) + _encode_account(entry)
    if isinstance(entry, TrustLineEntry):
        body = encode_account_id(entry.owner) + encode_asset(entry.asset)
        return ONE + body + pack(">qqIi", entry.balance, entry.limit, entry.flags, 0)
    if isinstance(entry, DataEntry):
        name, value = encode_opaque(entry.name.encode()), encode_opaque(bytes.fromhex(entry.value))
        return pack(">i", 3) + encode_account_id(entry.owner) + name + value + ZERO
    if isinstance(entry, ClaimableBalanceEntry):
        return pack(">i", 4) + _encode_claimable_balance(entry)
    return pack(">i", 6) + _encode_contract_data(entry)


def encode_ledger_entry(entry: LedgerEntry) -> bytes:
    sponsor = entry.sponsor if isinstance(entry, AccountEntry | ClaimableBalanceEntry) else ""
    ext = pack(">ii", 1, 1) + encode_account_id(sponsor) + ZERO if sponsor else ZERO
    return pack(">I", entry.last_modified) + encode_entry_data(entry) + ext


def encode_entry_changes(
    changes: list[tuple[LedgerKey, LedgerEntry | None, LedgerEntry | None]],
) -> bytes:
    """Encode LedgerEntryChanges: each entry as it was, then as it is."""
    rows = []
    for key, old, new in changes:
        if old is not None:
            rows.append(pack(">i", 3) + encode_ledger_entry(old))
        if new is not None:
            rows.append(pack(">i", 0 if old is None else 1) + encode_ledger_entry(new))
        elif old is not None:
            rows.append(pack(">i", 2) + encode_ledger_key(key))
    return encode_array(rows)


def _encode_account(entry: AccountEntry) -> bytes:
    signers = [encode_account_id(key) + pack(">I", weight) for key, weight in entry.signers]
    return (
        encode_account_id(entry.address)
        + pack(">qqIiI", entry.balance, entry.sequence, entry.num_sub_entries, 0, entry.flags)
        + encode_opaque(entry.home_domain.encode())
        + bytes(entry.thresholds)
        + encode_array(signers)
        + pack(">iqqi", 1, 0, 0, 2)
        + pack(">II", entry.num_sponsored, entry.num_sponsoring)
        + encode_array([ZERO] * len(signers))
        + pack(">iiIQ", 3, 0, entry.sequence_ledger, entry.sequence_time)
    )


def _encode_claimable_balance(entry: ClaimableBalanceEntry) -> bytes:
    claimants = [
        ZERO + encode_account_id(address) + bytes.fromhex(predicate)
        for address, predicate in entry.claimants
    ]
    flags = pack(">iiI", 1, 0, 1) if entry.clawback else ZERO
    return (
        ZERO
        + bytes.fromhex(entry.id)
        + encode_array(claimants)
        + encode_asset(entry.asset)
        + pack(">q", entry.amount)
        + flags
    )


def _encode_contract_data(entry: ContractDataEntry) -> bytes:
    head = ZERO + encode_address(entry.contract) + bytes.fromhex(entry.data_key)
    return head + pack(">i", entry.durability) + bytes.fromhex(entry.value)
