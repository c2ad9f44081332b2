"""The calculator's book as the ledger holds it: the storage map of its one instance entry."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from stellar_sdk import scval, xdr

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_state import Book, Lane, Pause, Result, Stats
from stellar_sandbox.calculator.sla_config import Terms
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import contract_text
from stellar_sandbox.ledger.entries import ContractData
from stellar_sandbox.ledger.ledger_keys import INSTANCE_SLOT, address_of

LIVE_FOR_EVER = 2**32 - 1
# A Wasm executable that nobody looks up: the code is native here.
EXECUTABLE = bytes(4) + sha256(b"apexchainx_calculator").digest()
HEAD = bytes.fromhex("00000013") + EXECUTABLE
COUNTERS = ("CALCCNT", "VIOLCNT", "CALCLDG", "VIOLLDG")


def entry(contract: str, book: Book | None) -> ContractData:
    """The instance entry of a contract; without a book, as it was deployed."""
    if book is None:
        return ContractData(contract, INSTANCE_SLOT, (HEAD + bytes(4)).hex(), 1, LIVE_FOR_EVER)
    rows = [
        xdr_codec.sc_symbol(name) + value for name, value in sorted(_rows(book).items()) if value
    ]
    text = (HEAD + xdr_codec.ONE + xdr_codec.array(rows)).hex()
    _REMEMBERED[text] = book
    if len(_REMEMBERED) > 64:
        del _REMEMBERED[next(iter(_REMEMBERED))]
    return ContractData(contract, INSTANCE_SLOT, text, 1, LIVE_FOR_EVER)


# Reading 64 KB of XDR takes longer than everything else a call does, and what is read is nearly
# always what was written last.
_REMEMBERED: dict[str, Book] = {}


def book_in(entry: ContractData) -> Book | None:
    """The book in an instance entry; None when nobody has initialized the contract."""
    return _REMEMBERED.get(entry.value) or _read(entry.value)


def forget() -> None:
    """As after a restart: whatever is asked next is read from the ledger."""
    _REMEMBERED.clear()
    _read.cache_clear()


def _rows(book: Book) -> dict[str, bytes | None]:
    limit, ledger = book.retention, book.updated_ledger
    packed = {
        name: xdr_codec.sc_u128(
            sum(lane[place] << 32 * index for index, lane in enumerate(book.lanes))
        )
        for place, name in enumerate(COUNTERS)
    }
    return packed | {
        "ADMIN": scval_encoding.address(book.admin),
        "OPERATOR": scval_encoding.address(book.operator),
        "PADMIN": scval_encoding.address(book.pending_admin),
        "POP": scval_encoding.address(book.pending_operator),
        "CONFIG": scval_encoding.configs(book.config),
        "CUSTCFG": scval_encoding.configs(book.custom) if book.custom else None,
        "PAUSED": xdr_codec.sc_bool(book.paused),
        "PAUSEINF": book.pause and scval_encoding.pause(book.pause),
        "STATS": scval_encoding.stats(book.stats),
        "HIST": scval_encoding.results(book.history),
        "VER": xdr_codec.sc_u32(book.version),
        "RETLIM": None if limit is None else xdr_codec.sc_u32(limit),
        "LCFGUPD": None
        if ledger is None
        else scval_encoding.struct(sequence=xdr_codec.sc_u32(ledger)),
        "FREEZE": xdr_codec.sc_bool(True) if book.frozen else None,
    }


@lru_cache(maxsize=8)
def _read(text: str) -> Book | None:
    instance = xdr.SCVal.from_xdr_bytes(bytes.fromhex(text)).instance
    if instance is None or instance.storage is None:
        return None
    kept = {_plain(row.key): _plain(row.val) for row in instance.storage.sc_map}
    lanes = [
        Lane(*(kept[name] >> 32 * index & 0xFFFF_FFFF for name in COUNTERS)) for index in range(4)
    ]
    update = kept.get("LCFGUPD")
    return Book(
        version=kept["VER"],
        admin=kept.get("ADMIN"),
        operator=kept.get("OPERATOR"),
        config=_terms(kept["CONFIG"]),
        custom=_terms(kept.get("CUSTCFG", {})),
        pending_admin=kept.get("PADMIN"),
        pending_operator=kept.get("POP"),
        paused=kept["PAUSED"],
        pause=Pause(**kept["PAUSEINF"]) if "PAUSEINF" in kept else None,
        frozen=kept.get("FREEZE", False),
        stats=Stats(**kept["STATS"]),
        lanes=(lanes[0], lanes[1], lanes[2], lanes[3]),
        history=tuple(Result(**row) for row in kept["HIST"]),
        retention=kept.get("RETLIM"),
        updated_ledger=update and update["sequence"],
    )


def _terms(configs: dict[str, dict[str, int]]) -> dict[str, Terms]:
    return {name: Terms(**fields) for name, fields in configs.items()}


def _plain(value: xdr.SCVal) -> Any:
    if value.sym is not None:
        return value.sym.sc_symbol.decode()
    if value.address is not None:
        return address_of(value.address)
    if value.map is not None:
        return {_plain(row.key): _plain(row.val) for row in value.map.sc_map}
    if value.vec is not None:
        return [_plain(item) for item in value.vec.sc_vec]
    if value.str is not None:
        return value.str.sc_string
    return scval.to_native(value)


def contract_id(name: str) -> str:
    """A contract id that follows from a name, so that a world made again has the same one."""
    return contract_text(sha256(name.encode()).digest())
