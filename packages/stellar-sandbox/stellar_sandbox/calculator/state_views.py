"""The read-only functions about the contract itself: its version, its schema, its health, its whole state."""

from __future__ import annotations

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, ContractState
from stellar_sandbox.calculator.invocation import Invocation
from stellar_sandbox.calculator.scval_encoding import (
    CONTRACT_NAME,
    VERSION,
    encode_option,
    encode_struct,
)
from stellar_sandbox.calculator.sla_config import SEVERITIES, compute_config_hash
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import (
    encode_bool,
    encode_symbol,
    encode_u32,
    encode_u64,
    encode_vec,
)

SCHEMA_VERSION = encode_u32(1)


FEATURES = ("custom_severities", "pause", "freeze", "retention", "two_step_roles")


def require_state(invocation: Invocation) -> ContractState:
    """Return the contract's state, whatever its storage version."""
    if invocation.stored is None:
        raise build_failure(SLAError.NOT_INITIALIZED)
    return invocation.stored


def _encode_needs_migration(state: ContractState) -> bytes:
    return encode_bool(state.version < STORAGE_VERSION)


def _encode_holder(holder: str | None) -> bytes:
    if holder is None:
        raise build_failure(SLAError.NOT_INITIALIZED)
    return xdr_codec.encode_sc_address(holder)


def get_contract_metadata(invocation: Invocation) -> bytes:
    return encode_struct(
        contract_name=CONTRACT_NAME,
        storage_version=encode_u32(invocation.state.version),
        result_schema_version=SCHEMA_VERSION,
        supported_severities=scval_encoding.encode_symbols(*SEVERITIES),
        features=scval_encoding.encode_symbols(*FEATURES),
    )


def get_contract_info(invocation: Invocation) -> bytes:
    state = invocation.state
    return encode_struct(
        schema_version=SCHEMA_VERSION,
        contract_name=CONTRACT_NAME,
        contract_version=encode_symbol("0_1_0"),
        storage_version=encode_u32(state.version),
        result_schema_version=SCHEMA_VERSION,
        event_version=VERSION,
        needs_migration=encode_bool(False),
        is_paused=encode_bool(state.paused),
        is_config_frozen=encode_bool(state.frozen),
        supported_severities=scval_encoding.encode_symbols(*SEVERITIES),
        features=scval_encoding.encode_symbols(*FEATURES),
    )


def get_full_audit_state(invocation: Invocation) -> bytes:
    state = invocation.state
    return encode_struct(
        admin=_encode_holder(state.admin),
        operator=_encode_holder(state.operator),
        pending_admin=encode_option(scval_encoding.encode_optional_address(state.pending_admin)),
        pending_operator=encode_option(
            scval_encoding.encode_optional_address(state.pending_operator)
        ),
        paused=encode_bool(state.paused),
        pause_info=encode_vec([scval_encoding.encode_pause(state.pause)] if state.pause else []),
        config_snapshot=scval_encoding.encode_snapshot(state.config),
        stats=scval_encoding.encode_stats(state.stats),
        history_len=encode_u32(len(state.history)),
        result_schema=scval_encoding.encode_result_schema(),
    )


def get_result_schema(invocation: Invocation) -> bytes:
    """Return constants; the contract must be initialized all the same."""
    assert invocation.state is not None
    return scval_encoding.encode_result_schema()


def get_last_config_update(invocation: Invocation) -> bytes:
    ledger = invocation.state.updated_ledger
    return xdr_codec.VOID if ledger is None else encode_struct(sequence=encode_u32(ledger))


def get_migration_state(invocation: Invocation) -> bytes:
    state = require_state(invocation)
    return encode_struct(
        stored_version=encode_u32(state.version),
        expected_version=encode_u32(STORAGE_VERSION),
        needs_migration=_encode_needs_migration(state),
    )


def get_version_info(invocation: Invocation) -> bytes:
    state = require_state(invocation)
    return encode_struct(
        storage_version=encode_u32(state.version),
        result_schema_version=SCHEMA_VERSION,
        needs_migration=_encode_needs_migration(state),
        is_paused=encode_bool(state.paused),
        contract_name=CONTRACT_NAME,
    )


def get_contract_state_fingerprint(invocation: Invocation) -> bytes:
    state = require_state(invocation)
    return encode_struct(
        contract_name=CONTRACT_NAME,
        storage_version=encode_u32(state.version),
        result_schema_version=SCHEMA_VERSION,
        config_version_hash=encode_u64(compute_config_hash(state.config)),
        is_paused=encode_bool(state.paused),
        needs_migration=_encode_needs_migration(state),
        is_config_frozen=encode_bool(state.frozen),
        captured_at=encode_u64(invocation.now),
    )


def healthcheck(invocation: Invocation) -> bytes:
    if invocation.stored is None:
        status = "noinit"
    else:
        status = "ok" if invocation.stored.version == STORAGE_VERSION else "migrate"
    return encode_struct(
        ready=encode_bool(status == "ok"), contract_name=CONTRACT_NAME, status=encode_symbol(status)
    )
