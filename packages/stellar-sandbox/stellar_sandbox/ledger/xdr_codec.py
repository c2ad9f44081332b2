"""XDR packed by hand, for speed: contract values, events, ledger keys and ledger entries.

The classes of stellar-sdk take twenty times as long; the tests compare every encoding with them.
"""

from __future__ import annotations

from functools import lru_cache
from struct import pack

from stellar_sandbox.ledger.addresses import NATIVE, decode_account, decode_contract

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
