"""XDR packed by hand, for speed: contract values, events, ledger keys and ledger entries.

The classes of stellar-sdk take twenty times as long; the tests compare every encoding with them.
"""

from __future__ import annotations

from functools import lru_cache
from struct import pack

from stellar_sandbox.ledger.addresses import NATIVE, decode_account, decode_contract
from stellar_sandbox.ledger.entries import (
    AccountEntry,
    ClaimableBalanceEntry,
    ContractDataEntry,
    DataEntry,
    LedgerEntry,
    LedgerKey,
    TrustLineEntry,
)

ZERO = bytes(4)
ONE = pack(">i", 1)
VOID = pack(">i", 1)


def encode_opaque(raw: bytes) -> bytes:
    return pack(">I", len(raw)) + raw + bytes(-len(raw) % 4)


def encode_array(items: list[bytes]) -> bytes:
    return pack(">I", len(items)) + b"".join(items)


# Contract values (SCVal)


@lru_cache(maxsize=256)
def encode_symbol(text: str) -> bytes:
    return pack(">i", 15) + encode_opaque(text.encode())


def encode_string(text: str | bytes) -> bytes:
    return pack(">i", 14) + encode_opaque(text.encode() if isinstance(text, str) else text)


def encode_bytes(raw: bytes) -> bytes:
    return pack(">i", 13) + encode_opaque(raw)


def encode_bool(value: bool) -> bytes:
    return pack(">ii", 0, int(value))


def encode_u32(value: int) -> bytes:
    return pack(">iI", 3, value)


def encode_u64(value: int) -> bytes:
    return pack(">iQ", 5, value)


def encode_i128(value: int) -> bytes:
    return pack(">i", 10) + value.to_bytes(16, "big", signed=True)


def encode_u128(value: int) -> bytes:
    return pack(">i", 9) + value.to_bytes(16, "big")


def encode_vec(items: list[bytes]) -> bytes:
    return pack(">ii", 16, 1) + encode_array(items)


def encode_map(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return pack(">ii", 17, 1) + encode_array([name + value for name, value in pairs])


def encode_sc_address(address: str) -> bytes:
    return pack(">i", 18) + encode_address(address)


def encode_error(kind: int, code: int) -> bytes:
    return pack(">iiI", 2, kind, code)


def encode_sc_claimable_balance(balance_id: str) -> bytes:
    return pack(">iii", 18, 3, 0) + bytes.fromhex(balance_id)


def encode_address(address: str) -> bytes:
    if address.startswith("C"):
        return pack(">i", 1) + decode_contract(address)
    return pack(">i", 0) + encode_account_id(address)


def encode_event(contract: str, topics: list[bytes], data: bytes) -> bytes:
    """Encode a contract event (also the CAP-67 event of a classic operation)."""
    return (
        pack(">ii", 0, 1)
        + decode_contract(contract)
        + pack(">ii", 1, 0)
        + encode_array(topics)
        + data
    )


def encode_diagnostic_event(contract: str | None, topics: list[bytes], text: str) -> bytes:
    """Encode the diagnostic event of a failed call."""
    who = ZERO if contract is None else ONE + decode_contract(contract)
    return pack(">ii", 0, 0) + who + pack(">ii", 2, 0) + encode_array(topics) + encode_string(text)


# Accounts, assets, keys


@lru_cache(maxsize=65_536)
def encode_account_id(address: str) -> bytes:
    return ZERO + decode_account(address)


@lru_cache(maxsize=1_024)
def encode_asset(asset: str) -> bytes:
    if asset == NATIVE:
        return ZERO
    code, _, issuer = asset.partition(":")
    kind, width = (1, 4) if len(code) <= 4 else (2, 12)
    return pack(">i", kind) + code.encode().ljust(width, bytes(1)) + encode_account_id(issuer)


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


# Entries


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
