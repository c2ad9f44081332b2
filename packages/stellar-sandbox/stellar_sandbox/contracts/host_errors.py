"""How a contract call fails: with a host error, or beyond the resources that were declared."""

from __future__ import annotations

from stellar_sdk.xdr import SCErrorCode, SCErrorType


class HostError(Exception):
    """A contract call that fails, with the text that Soroban's host gives."""

    def __init__(self, kind: SCErrorType, code: int) -> None:
        self.kind, self.code = kind, code
        family = kind.name.removeprefix("SCE_").title().replace("_", "")
        if kind == SCErrorType.SCE_CONTRACT:
            self.text = f"Error({family}, #{code})"
        else:
            word = SCErrorCode(code).name.removeprefix("SCEC_").title().replace("_", "")
            self.text = f"Error({family}, {word})"
        super().__init__(self.text)


class ResourceLimitExceeded(Exception):
    """A call that uses more resources than its transaction declared."""
