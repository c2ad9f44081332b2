"""The calculator's state as its contract instance entry stores it."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from stellar_sdk import scval, xdr

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_state import (
    ContractState,
    Pause,
    Result,
    SeverityTelemetry,
    Stats,
)
from stellar_sandbox.calculator.sla_config import SLAConfig
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import encode_contract
from stellar_sandbox.ledger.entries import ContractDataEntry
from stellar_sandbox.ledger.ledger_keys import INSTANCE_KEY, parse_sc_address

NEVER_EXPIRES = 2**32 - 1
# The hash of a Wasm executable that does not exist: the code is native here.
EXECUTABLE = bytes(4) + sha256(b"apexchainx_calculator").digest()
HEAD = bytes.fromhex("00000013") + EXECUTABLE
COUNTERS = ("CALCCNT", "VIOLCNT", "CALCLDG", "VIOLLDG")


def encode_instance(contract: str, state: ContractState | None) -> ContractDataEntry:
    """Return the instance entry of a contract; without a state, as it was deployed."""
    if state is None:
        return ContractDataEntry(contract, INSTANCE_KEY, (HEAD + bytes(4)).hex(), 1, NEVER_EXPIRES)
    rows = [
        xdr_codec.encode_symbol(name) + value
        for name, value in sorted(_encode_rows(state).items())
        if value
    ]
    text = (HEAD + xdr_codec.ONE + xdr_codec.encode_array(rows)).hex()
    _RECENTLY_ENCODED[text] = state
    if len(_RECENTLY_ENCODED) > 64:
        del _RECENTLY_ENCODED[next(iter(_RECENTLY_ENCODED))]
    return ContractDataEntry(contract, INSTANCE_KEY, text, 1, NEVER_EXPIRES)


# Decoding 64 KB of XDR takes longer than the rest of a call, and what is decoded is nearly
# always what was encoded last.
_RECENTLY_ENCODED: dict[str, ContractState] = {}


def decode_instance(entry: ContractDataEntry) -> ContractState | None:
    """Return the state in an instance entry; None if the contract was not initialized."""
    return _RECENTLY_ENCODED.get(entry.value) or _decode(entry.value)


def clear_caches() -> None:
    """Forget what was encoded and decoded, as a restart does."""
    _RECENTLY_ENCODED.clear()
    _decode.cache_clear()


def _encode_rows(state: ContractState) -> dict[str, bytes | None]:
    limit, ledger = state.retention, state.updated_ledger
    packed = {
        name: xdr_codec.encode_u128(
            sum(severity[place] << 32 * index for index, severity in enumerate(state.telemetry))
        )
        for place, name in enumerate(COUNTERS)
    }
    return packed | {
        "ADMIN": scval_encoding.encode_optional_address(state.admin),
        "OPERATOR": scval_encoding.encode_optional_address(state.operator),
        "PADMIN": scval_encoding.encode_optional_address(state.pending_admin),
        "POP": scval_encoding.encode_optional_address(state.pending_operator),
        "CONFIG": scval_encoding.encode_configs(state.config),
        "CUSTCFG": scval_encoding.encode_configs(state.custom) if state.custom else None,
        "PAUSED": xdr_codec.encode_bool(state.paused),
        "PAUSEINF": state.pause and scval_encoding.encode_pause(state.pause),
        "STATS": scval_encoding.encode_stats(state.stats),
        "HIST": scval_encoding.encode_results(state.history),
        "VER": xdr_codec.encode_u32(state.version),
        "RETLIM": None if limit is None else xdr_codec.encode_u32(limit),
        "LCFGUPD": None
        if ledger is None
        else scval_encoding.encode_struct(sequence=xdr_codec.encode_u32(ledger)),
        "FREEZE": xdr_codec.encode_bool(True) if state.frozen else None,
    }


@lru_cache(maxsize=8)
def _decode(text: str) -> ContractState | None:
    instance = xdr.SCVal.from_xdr_bytes(bytes.fromhex(text)).instance
    if instance is None or instance.storage is None:
        return None
    stored = {_decode_value(row.key): _decode_value(row.val) for row in instance.storage.sc_map}
    telemetry = [
        SeverityTelemetry(*(stored[name] >> 32 * index & 0xFFFF_FFFF for name in COUNTERS))
        for index in range(4)
    ]
    update = stored.get("LCFGUPD")
    return ContractState(
        version=stored["VER"],
        admin=stored.get("ADMIN"),
        operator=stored.get("OPERATOR"),
        config=_decode_configs(stored["CONFIG"]),
        custom=_decode_configs(stored.get("CUSTCFG", {})),
        pending_admin=stored.get("PADMIN"),
        pending_operator=stored.get("POP"),
        paused=stored["PAUSED"],
        pause=Pause(**stored["PAUSEINF"]) if "PAUSEINF" in stored else None,
        frozen=stored.get("FREEZE", False),
        stats=Stats(**stored["STATS"]),
        telemetry=(telemetry[0], telemetry[1], telemetry[2], telemetry[3]),
        history=tuple(Result(**row) for row in stored["HIST"]),
        retention=stored.get("RETLIM"),
        updated_ledger=update and update["sequence"],
    )


def _decode_configs(configs: dict[str, dict[str, int]]) -> dict[str, SLAConfig]:
    return {name: SLAConfig(**fields) for name, fields in configs.items()}


def _decode_value(value: xdr.SCVal) -> Any:
    if value.sym is not None:
        return value.sym.sc_symbol.decode()
    if value.address is not None:
        return parse_sc_address(value.address)
    if value.map is not None:
        return {_decode_value(row.key): _decode_value(row.val) for row in value.map.sc_map}
    if value.vec is not None:
        return [_decode_value(item) for item in value.vec.sc_vec]
    if value.str is not None:
        return value.str.sc_string
    return scval.to_native(value)


def derive_contract_id(name: str) -> str:
    """Return the contract id of a name: the same name always has the same id."""
    return encode_contract(sha256(name.encode()).digest())
