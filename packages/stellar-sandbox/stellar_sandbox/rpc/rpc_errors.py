"""The errors of JSON-RPC methods."""

from __future__ import annotations

INVALID_REQUEST, INVALID_PARAMS, INTERNAL = -32600, -32602, -32603


class RpcError(Exception):
    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data
