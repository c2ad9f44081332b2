"""Event filters: checked as strictly as stellar-rpc does, then matched with events."""

from __future__ import annotations

import binascii
from typing import Any

from stellar_sdk import StrKey, xdr

from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, RpcError

MAX_FILTERS, MAX_CONTRACTS, MAX_TOPICS, MAX_SEGMENTS = 5, 5, 5, 4
ONE, MANY = "*", "**"


def parse_filters(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the filters of a request, or raise RpcError with the reason."""
    filters = _list(params.get("filters"), MAX_FILTERS, "filters per request")
    for item in filters:
        if not isinstance(item, dict):
            raise RpcError(INVALID_PARAMS, "a filter is an object")
        kinds = item.get("type") or ""
        if not isinstance(kinds, str) or not set(kinds.split(",")) <= {"", "system", "contract"}:
            raise RpcError(INVALID_PARAMS, "if set, type must be either 'system' or 'contract'")
        for contract in _list(item.get("contractIds"), MAX_CONTRACTS, "contract IDs per filter"):
            if not isinstance(contract, str) or not StrKey.is_valid_contract(contract):
                raise RpcError(INVALID_PARAMS, f"contract ID invalid: {contract}")
        for pattern in _list(item.get("topics"), MAX_TOPICS, "topics per filter"):
            _check_pattern(pattern)
    return filters


def _list(asked: object, most: int, what: str) -> list[Any]:
    if asked is not None and not isinstance(asked, list):
        raise RpcError(INVALID_PARAMS, f"{what}: not a list")
    if len(asked or []) > most:
        raise RpcError(INVALID_PARAMS, f"maximum {most} {what}")
    return asked or []


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, list) or not pattern:
        raise RpcError(INVALID_PARAMS, "topic must have at least 1 segment")
    segments = pattern[:-1] if pattern[-1] == MANY else pattern
    if MANY in segments:
        raise RpcError(INVALID_PARAMS, "wildcard '**' is only allowed as the last segment")
    if len(segments) > MAX_SEGMENTS:
        raise RpcError(INVALID_PARAMS, f"topic cannot have more than {MAX_SEGMENTS} segments")
    for segment in segments:
        if segment != ONE:
            _check_value(segment)


def _check_value(segment: object) -> None:
    try:
        xdr.SCVal.from_xdr(segment)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError, EOFError, binascii.Error) as error:
        raise RpcError(INVALID_PARAMS, f"segment invalid: {segment}") from error


def matches_any(row: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    """Whether any filter matches this event; without filters every event matches."""
    return not filters or any(_passes(row, item) for item in filters)


def _passes(row: dict[str, Any], item: dict[str, Any]) -> bool:
    kinds = item.get("type")
    if kinds and "contract" not in kinds.split(","):
        return False
    contracts, topics = item.get("contractIds") or [], item.get("topics") or []
    if contracts and row["contractId"] not in contracts:
        return False
    return not topics or any(_matches(row["topic"], pattern) for pattern in topics)


def _matches(topics: list[str], pattern: list[str]) -> bool:
    """Match topics: `*` stands for one topic, `**` at the end for any number of them."""
    open_ended = pattern[-1] == MANY
    asked = pattern[:-1] if open_ended else pattern
    if len(topics) < len(asked) or (len(topics) > len(asked) and not open_ended):
        return False
    return all(want in (ONE, topic) for want, topic in zip(asked, topics, strict=False))
