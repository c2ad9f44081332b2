"""Arguments of a contract call as the SLA vectors write them."""

from __future__ import annotations

from typing import Any

from stellar_sdk import scval, xdr

from stellar_sandbox.testing.contract_results import PEOPLE


def parse_argument(tagged: dict[str, Any]) -> xdr.SCVal:
    """Parse an argument as the vectors write it: {"u32": 25}, {"addr": "admin"}."""
    ((kind, value),) = tagged.items()
    match kind:
        case "addr":
            return scval.to_address(PEOPLE[value].public_key)
        case "sym":
            return scval.to_symbol(value)
        case "u32":
            return scval.to_uint32(value)
        case "u64":
            return scval.to_uint64(int(value))
        case "i128":
            return scval.to_int128(int(value))
    raise ValueError(kind)
