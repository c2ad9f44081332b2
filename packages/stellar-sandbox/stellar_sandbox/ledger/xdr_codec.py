"""XDR written by hand for what is written thousands of times: values, events, keys and entries.

The SDK's classes would do, at twenty times the cost; the tests hold every shape here to them.
"""

from __future__ import annotations

from functools import lru_cache
from struct import pack

from stellar_sandbox.ledger.addresses import NATIVE, account_bytes, contract_bytes
from stellar_sandbox.ledger.entries import (
    Account,
    ClaimableBalance,
    ContractData,
    Entry,
    Key,
    Trustline,
)

ZERO = bytes(4)
ONE = pack(">i", 1)
VOID = pack(">i", 1)


def opaque(raw: bytes) -> bytes:
    return pack(">I", len(raw)) + raw + bytes(-len(raw) % 4)


def array(items: list[bytes]) -> bytes:
    return pack(">I", len(items)) + b"".join(items)


# Values of a contract


@lru_cache(maxsize=256)
def sc_symbol(text: str) -> bytes:
    return pack(">i", 15) + opaque(text.encode())


def sc_string(text: str | bytes) -> bytes:
    return pack(">i", 14) + opaque(text.encode() if isinstance(text, str) else text)


def sc_bytes(raw: bytes) -> bytes:
    return pack(">i", 13) + opaque(raw)


def sc_bool(value: bool) -> bytes:
    return pack(">ii", 0, int(value))


def sc_u32(value: int) -> bytes:
    return pack(">iI", 3, value)


def sc_u64(value: int) -> bytes:
    return pack(">iQ", 5, value)


def sc_i128(value: int) -> bytes:
    return pack(">i", 10) + value.to_bytes(16, "big", signed=True)


def sc_u128(value: int) -> bytes:
    return pack(">i", 9) + value.to_bytes(16, "big")


def sc_vec(items: list[bytes]) -> bytes:
    return pack(">ii", 16, 1) + array(items)


def sc_map(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return pack(">ii", 17, 1) + array([name + value for name, value in pairs])


def sc_address(address: str) -> bytes:
    return pack(">i", 18) + bare_address(address)


def sc_error(kind: int, code: int) -> bytes:
    return pack(">iiI", 2, kind, code)


def sc_claimable(balance_id: str) -> bytes:
    return pack(">iii", 18, 3, 0) + bytes.fromhex(balance_id)


def bare_address(address: str) -> bytes:
    if address.startswith("C"):
        return pack(">i", 1) + contract_bytes(address)
    return pack(">i", 0) + account_id(address)


def event(contract: str, topics: list[bytes], data: bytes) -> bytes:
    """A contract event, as any contract, the asset's own or a classic payment leaves it."""
    return pack(">ii", 0, 1) + contract_bytes(contract) + pack(">ii", 1, 0) + array(topics) + data


def diagnostic(contract: str | None, topics: list[bytes], text: str) -> bytes:
    """What a host logs of a call that failed: no event of the contract, and of no ledger."""
    who = ZERO if contract is None else ONE + contract_bytes(contract)
    return pack(">ii", 0, 0) + who + pack(">ii", 2, 0) + array(topics) + sc_string(text)


# Accounts, assets, keys


@lru_cache(maxsize=65_536)
def account_id(address: str) -> bytes:
    return ZERO + account_bytes(address)


@lru_cache(maxsize=1_024)
def asset_bytes(asset: str) -> bytes:
    if asset == NATIVE:
        return ZERO
    code, _, issuer = asset.partition(":")
    kind, width = (1, 4) if len(code) <= 4 else (2, 12)
    return pack(">i", kind) + code.encode().ljust(width, bytes(1)) + account_id(issuer)


def ledger_key(key: Key) -> bytes:
    match key:
        case ("account", address):
            return pack(">i", 0) + account_id(address)
        case ("trustline", owner, asset):
            return pack(">i", 1) + account_id(owner) + asset_bytes(asset)
        case ("claimable", balance_id):
            return pack(">ii", 4, 0) + bytes.fromhex(balance_id)
        case ("data", contract, slot, durability):
            slot_bytes = bytes.fromhex(slot) + pack(">i", int(durability))
            return pack(">i", 6) + bare_address(contract) + slot_bytes
    raise ValueError(key)


# Entries


def entry_data(entry: Entry) -> bytes:
    if isinstance(entry, Account):
        return pack(">i", 0) + _account(entry)
    if isinstance(entry, Trustline):
        body = account_id(entry.owner) + asset_bytes(entry.asset)
        return ONE + body + pack(">qqIi", entry.balance, entry.limit, entry.flags, 0)
    if isinstance(entry, ClaimableBalance):
        return pack(">i", 4) + _claimable(entry)
    return pack(">i", 6) + _contract_data(entry)


def ledger_entry(entry: Entry) -> bytes:
    sponsor = entry.sponsor if isinstance(entry, Account | ClaimableBalance) else ""
    ext = pack(">ii", 1, 1) + account_id(sponsor) + ZERO if sponsor else ZERO
    return pack(">I", entry.changed) + entry_data(entry) + ext


def entry_changes(changes: list[tuple[Key, Entry | None, Entry | None]]) -> bytes:
    """Each change as the network reports it: the entry as it was, then as it is."""
    rows = []
    for key, old, new in changes:
        if old is not None:
            rows.append(pack(">i", 3) + ledger_entry(old))
        if new is not None:
            rows.append(pack(">i", 0 if old is None else 1) + ledger_entry(new))
        elif old is not None:
            rows.append(pack(">i", 2) + ledger_key(key))
    return array(rows)


def _account(entry: Account) -> bytes:
    signers = [account_id(key) + pack(">I", weight) for key, weight in entry.signers]
    return (
        account_id(entry.address)
        + pack(">qqIiI", entry.balance, entry.sequence, entry.sub_entries, 0, entry.flags)
        + opaque(entry.home_domain.encode())
        + bytes(entry.thresholds)
        + array(signers)
        + pack(">iqqi", 1, 0, 0, 2)
        + pack(">II", entry.sponsored, entry.sponsoring)
        + array([ZERO] * len(signers))
        + pack(">iiIQ", 3, 0, entry.sequence_ledger, entry.sequence_time)
    )


def _claimable(entry: ClaimableBalance) -> bytes:
    claimants = [
        ZERO + account_id(address) + bytes.fromhex(predicate)
        for address, predicate in entry.claimants
    ]
    flags = pack(">iiI", 1, 0, 1) if entry.clawback else ZERO
    return (
        ZERO
        + bytes.fromhex(entry.id)
        + array(claimants)
        + asset_bytes(entry.asset)
        + pack(">q", entry.amount)
        + flags
    )


def _contract_data(entry: ContractData) -> bytes:
    head = ZERO + bare_address(entry.contract) + bytes.fromhex(entry.slot)
    return head + pack(">i", entry.durability) + bytes.fromhex(entry.value)
