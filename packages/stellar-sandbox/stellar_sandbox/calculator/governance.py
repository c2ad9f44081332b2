"""The admin's functions: configuration, retention limit, pause, freeze, pruning and migration."""

from __future__ import annotations

from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, Pause, Result
from stellar_sandbox.calculator.invocation import Invocation
from stellar_sandbox.calculator.sla_config import SLAConfig, check_canonical, check_custom
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import (
    encode_i128,
    encode_sc_address,
    encode_symbol,
    encode_u32,
)

REASON_BYTES_MAX = 256
RETENTION_MAX = 1_000


def set_config(
    invocation: Invocation, caller: str, severity: str, threshold: int, penalty: int, reward: int
) -> bytes:
    state = invocation.state
    invocation.require_admin(caller)
    invocation.require_unfrozen()
    terms = SLAConfig(threshold, penalty, reward)
    check_canonical(severity, terms, state.config)
    invocation.write(
        config={**state.config, severity: terms}, updated_ledger=invocation.call.ledger
    )
    _emit_config_updated(invocation, severity, terms)
    return xdr_codec.VOID


def set_custom_severity(
    invocation: Invocation, caller: str, severity: str, threshold: int, penalty: int, reward: int
) -> bytes:
    state = invocation.state
    invocation.require_admin(caller)
    invocation.require_unfrozen()
    terms = SLAConfig(threshold, penalty, reward)
    check_custom(severity, terms)
    invocation.write(custom={**state.custom, severity: terms})
    _emit_config_updated(invocation, severity, terms)
    return xdr_codec.VOID


def remove_custom_severity(invocation: Invocation, caller: str, severity: str) -> bytes:
    state = invocation.state
    invocation.require_admin(caller)
    invocation.require_unfrozen()
    if severity not in state.custom:
        raise build_failure(SLAError.SEVERITY_NOT_IN_SET)
    left = {name: terms for name, terms in state.custom.items() if name != severity}
    invocation.write(custom=left)
    _emit_config_updated(invocation, severity, SLAConfig(0, 0, 0))
    return xdr_codec.VOID


def pause(invocation: Invocation, caller: str, reason: bytes) -> bytes:
    invocation.require_admin(caller)
    if len(reason) > REASON_BYTES_MAX:
        raise build_failure(SLAError.INVALID_INPUT)
    invocation.write(paused=True, pause=Pause(reason, invocation.now, caller))
    invocation.emit("paused", encode_sc_address(caller), xdr_codec.encode_bool(True))
    return xdr_codec.VOID


def unpause(invocation: Invocation, caller: str) -> bytes:
    invocation.require_admin(caller)
    invocation.write(paused=False, pause=None)
    invocation.emit("unpause", encode_sc_address(caller), xdr_codec.encode_bool(False))
    return xdr_codec.VOID


def freeze_config(invocation: Invocation, caller: str) -> bytes:
    invocation.require_admin(caller)
    invocation.write(frozen=True)
    invocation.emit("cfg_frz", encode_sc_address(caller))
    return xdr_codec.VOID


def unfreeze_config(invocation: Invocation, caller: str) -> bytes:
    invocation.require_admin(caller)
    invocation.write(frozen=False)
    invocation.emit("cfg_unfrz", encode_sc_address(caller))
    return xdr_codec.VOID


def set_retention_limit(invocation: Invocation, caller: str, limit: int) -> bytes:
    invocation.require_admin(caller)
    if not 1 <= limit <= RETENTION_MAX:
        raise build_failure(SLAError.RETENTION_LIMIT_OUT_OF_RANGE)
    invocation.write(retention=limit)
    return xdr_codec.VOID


def prune_history(invocation: Invocation, caller: str, keep_latest: int) -> bytes:
    state = invocation.state
    invocation.require_admin(caller)
    removed = max(0, len(state.history) - keep_latest)
    return _prune(invocation, "pruned", caller, state.history[removed:])


def prune_history_by_age(invocation: Invocation, caller: str, min_age_seconds: int) -> bytes:
    state = invocation.state
    invocation.require_admin(caller)
    cutoff = max(0, invocation.now - min_age_seconds)
    stored = tuple(result for result in state.history if result.recorded_at >= cutoff)
    return _prune(invocation, "pruned_a", caller, stored)


def _prune(invocation: Invocation, name: str, caller: str, stored: tuple[Result, ...]) -> bytes:
    removed = len(invocation.state.history) - len(stored)
    if removed:
        invocation.write(history=stored)
        invocation.emit(
            name, encode_sc_address(caller), encode_u32(removed), encode_u32(len(stored))
        )
    return xdr_codec.VOID


def migrate(invocation: Invocation, caller: str) -> bytes:
    """Do nothing: every contract here was initialized by this version of the code."""
    invocation.require(caller, invocation.stored.admin if invocation.stored else None)
    assert invocation.stored is not None
    if invocation.stored.version > STORAGE_VERSION:
        raise build_failure(SLAError.VERSION_MISMATCH)
    return xdr_codec.VOID


def _emit_config_updated(invocation: Invocation, severity: str, terms: SLAConfig) -> None:
    invocation.emit(
        "cfg_upd",
        encode_symbol(severity),
        encode_u32(terms.threshold_minutes),
        encode_i128(terms.penalty_per_minute),
        encode_i128(terms.reward_base),
    )
