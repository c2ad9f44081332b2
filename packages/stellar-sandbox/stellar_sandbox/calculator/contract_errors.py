"""The error numbers of the calculator (`SLAError`); other contracts use the same numbers."""

from __future__ import annotations

from enum import IntEnum

from stellar_sdk.xdr import SCErrorType

from stellar_sandbox.contracts.host_errors import HostError


class SLAError(IntEnum):
    ALREADY_INITIALIZED = 1
    NOT_INITIALIZED = 2
    UNAUTHORIZED = 3
    CONFIG_NOT_FOUND = 4
    VERSION_MISMATCH = 5
    CONTRACT_PAUSED = 6
    NO_PENDING_TRANSFER = 7
    INVALID_THRESHOLD = 8
    INVALID_PENALTY = 9
    INVALID_REWARD = 10
    INVALID_SEVERITY = 11
    RETENTION_LIMIT_OUT_OF_RANGE = 12
    DUPLICATE_OUTAGE_INPUT = 13
    INVALID_PENALTY_AMOUNT = 14
    INVALID_REWARD_AMOUNT = 15
    CONFIG_FROZEN = 16
    INVALID_INPUT = 17
    SEVERITY_NOT_IN_SET = 18
    OUTAGE_RECALC_LIMIT = 19


def build_failure(reason: SLAError) -> HostError:
    return HostError(SCErrorType.SCE_CONTRACT, reason)
