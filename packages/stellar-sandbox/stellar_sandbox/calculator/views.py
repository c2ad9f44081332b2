"""The read-only functions, which answer also while the contract is paused or frozen."""

from __future__ import annotations

from collections.abc import Callable

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.invocation import Invocation
from stellar_sandbox.calculator.scval_encoding import (
    encode_option,
    encode_struct,
)
from stellar_sandbox.calculator.sla_config import SEVERITIES, compute_config_hash
from stellar_sandbox.calculator.state_views import (
    _encode_holder,
    get_contract_info,
    get_contract_metadata,
    get_contract_state_fingerprint,
    get_full_audit_state,
    get_last_config_update,
    get_migration_state,
    get_result_schema,
    get_version_info,
    healthcheck,
    require_state,
)
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import (
    encode_bool,
    encode_i128,
    encode_symbol,
    encode_u32,
    encode_u64,
    encode_vec,
)

View = Callable[[Invocation], bytes]


def get_config(invocation: Invocation, severity: str) -> bytes:
    return scval_encoding.encode_config(invocation.get_config(severity))


def get_custom_severity(invocation: Invocation, severity: str) -> bytes:
    terms = invocation.state.custom.get(severity)
    if terms is None:
        raise build_failure(SLAError.SEVERITY_NOT_IN_SET)
    return scval_encoding.encode_config(terms)


def get_severity_telemetry(invocation: Invocation) -> bytes:
    rows = []
    for severity, severity_telemetry in zip(SEVERITIES, invocation.state.telemetry, strict=True):
        rate = (
            severity_telemetry.violations * 100 // severity_telemetry.calculations
            if severity_telemetry.calculations
            else 0
        )
        rows.append(
            encode_struct(
                severity=encode_symbol(severity),
                calculations=encode_u32(severity_telemetry.calculations),
                violations=encode_u32(severity_telemetry.violations),
                violation_rate=encode_u32(rate),
            )
        )
    return encode_vec(rows)


def get_economic_exposure(invocation: Invocation) -> bytes:
    config = invocation.state.config
    rows = [
        encode_struct(
            severity=encode_symbol(severity),
            max_reward=encode_i128(config[severity].reward_base * 2),
            penalty_per_minute=encode_i128(config[severity].penalty_per_minute),
        )
        for severity in SEVERITIES
    ]
    return encode_struct(
        total_max_reward=encode_i128(sum(terms.reward_base * 2 for terms in config.values())),
        total_penalty_per_minute=encode_i128(
            sum(terms.penalty_per_minute for terms in config.values())
        ),
        breakdown=encode_vec(rows),
    )


def get_history_page(invocation: Invocation, offset: int, limit: int) -> bytes:
    return scval_encoding.encode_results(invocation.state.history[offset : offset + limit])


def get_history_by_outage(invocation: Invocation, outage_id: str) -> bytes:
    return scval_encoding.encode_results(invocation.state.find_results(outage_id))


def get_latest_by_outage(invocation: Invocation, outage_id: str) -> bytes:
    found = invocation.state.find_results(outage_id)
    return scval_encoding.encode_result(found[-1]) if found else xdr_codec.VOID


def get_failure_schema(invocation: Invocation) -> bytes:
    """Always fail: the contract's descriptions hold spaces, which a symbol must not."""
    raise HostError(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_INVALID_INPUT)


# The views without parameters.
PARAMETERLESS_VIEWS: dict[str, View] = {
    "get_config_snapshot": lambda invocation: scval_encoding.encode_snapshot(
        invocation.state.config
    ),
    "get_custom_config_snapshot": lambda invocation: scval_encoding.encode_snapshot(
        invocation.state.custom, sorted(invocation.state.custom)
    ),
    "list_configs": lambda invocation: scval_encoding.encode_configs(invocation.state.config),
    "get_config_count": lambda invocation: encode_u32(len(invocation.state.config)),
    "get_config_version_hash": lambda invocation: encode_u64(
        compute_config_hash(invocation.state.config)
    ),
    "get_config_bundle": lambda invocation: encode_struct(
        snapshot=scval_encoding.encode_snapshot(invocation.state.config),
        schema=scval_encoding.encode_result_schema(),
    ),
    "get_result_schema": get_result_schema,
    "get_stats": lambda invocation: scval_encoding.encode_stats(invocation.state.stats),
    "get_history": lambda invocation: scval_encoding.encode_results(invocation.state.history),
    "get_retention_limit": lambda invocation: encode_u32(invocation.state.retention_limit),
    "get_admin": lambda invocation: _encode_holder(invocation.state.admin),
    "get_operator": lambda invocation: _encode_holder(invocation.state.operator),
    "get_pending_admin": lambda invocation: encode_option(
        scval_encoding.encode_optional_address(invocation.state.pending_admin)
    ),
    "get_pending_operator": lambda invocation: encode_option(
        scval_encoding.encode_optional_address(invocation.state.pending_operator)
    ),
    "is_paused": lambda invocation: encode_bool(invocation.state.paused),
    "is_config_frozen": lambda invocation: encode_bool(invocation.state.frozen),
    "get_pause_info": lambda invocation: encode_option(
        invocation.state.pause and scval_encoding.encode_pause(invocation.state.pause)
    ),
    "get_storage_version": lambda invocation: encode_u32(require_state(invocation).version),
    "get_severity_telemetry": get_severity_telemetry,
    "get_economic_exposure": get_economic_exposure,
    "get_contract_metadata": get_contract_metadata,
    "get_contract_info": get_contract_info,
    "get_full_audit_state": get_full_audit_state,
    "get_last_config_update": get_last_config_update,
    "get_migration_state": get_migration_state,
    "get_version_info": get_version_info,
    "get_contract_state_fingerprint": get_contract_state_fingerprint,
    "get_failure_schema": get_failure_schema,
    "healthcheck": healthcheck,
}
