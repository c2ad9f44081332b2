"""Pagination of the history methods: limits, cursors and the ledger to start from."""

from __future__ import annotations

from typing import Any

from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, INVALID_REQUEST, RpcError


def read_pagination(params: dict[str, Any]) -> dict[str, Any]:
    options = params.get("pagination") or {}
    if not isinstance(options, dict):
        raise RpcError(INVALID_PARAMS, "pagination must be an object")
    return options


def read_limit(params: dict[str, Any], default: int, most: int, code: int = INVALID_REQUEST) -> int:
    limit = read_pagination(params).get("limit") or default
    if not isinstance(limit, int) or limit < 1:
        raise RpcError(INVALID_PARAMS, "limit must be a positive number")
    if limit > most:
        raise RpcError(code, f"limit must not exceed {most}")
    return limit


def read_cursor(params: dict[str, Any]) -> str:
    """Return the cursor, if there is one; a start ledger beside it is an error."""
    cursor = read_pagination(params).get("cursor") or ""
    if not isinstance(cursor, str):
        raise RpcError(INVALID_PARAMS, "a cursor is a string")
    if cursor and params.get("startLedger"):
        raise RpcError(INVALID_REQUEST, "startLedger and cursor cannot both be set")
    return cursor


def read_start_ledger(params: dict[str, Any], oldest: int, latest: int) -> int:
    """Return the start ledger, which must be within the history."""
    start = params.get("startLedger") or 0
    if not isinstance(start, int) or not oldest <= start <= latest:
        message = (
            f"start ledger must be between the oldest ledger: {oldest} and the latest ledger: "
            f"{latest} for this rpc instance"
        )
        raise RpcError(INVALID_REQUEST, message)
    return start


def format_cursor(ledger: int, position: int) -> int:
    """Return a position in history as a TOID: ledger, transaction, operation."""
    return ledger << 32 | position << 12 | 1


def parse_cursor(cursor: int) -> tuple[int, int]:
    if not 0 <= cursor < 2**63:
        raise ValueError(cursor)
    return cursor >> 32, cursor >> 12 & 0xFFFFF
