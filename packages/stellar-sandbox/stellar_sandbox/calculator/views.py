"""What anybody may read, also while the contract is paused or frozen."""

from __future__ import annotations

from collections.abc import Callable

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_errors import Refusal, refuse
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, Book
from stellar_sandbox.calculator.invocation import Session
from stellar_sandbox.calculator.scval_encoding import CONTRACT_NAME, VERSION, option, struct
from stellar_sandbox.calculator.sla_config import SEVERITIES, config_hash
from stellar_sandbox.contracts.host_errors import Trapped
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import sc_bool, sc_i128, sc_symbol, sc_u32, sc_u64, sc_vec

SCHEMA_VERSION = sc_u32(1)
FEATURES = ("custom_severities", "pause", "freeze", "retention", "two_step_roles")
View = Callable[[Session], bytes]


def known(session: Session) -> Book:
    """The book, whatever its version."""
    if session.kept is None:
        raise refuse(Refusal.NOT_INITIALIZED)
    return session.kept


def _outdated(book: Book) -> bytes:
    return sc_bool(book.version < STORAGE_VERSION)


def _held(holder: str | None) -> bytes:
    if holder is None:
        raise refuse(Refusal.NOT_INITIALIZED)
    return xdr_codec.sc_address(holder)


def get_config(session: Session, severity: str) -> bytes:
    return scval_encoding.config(session.config_of(severity))


def get_custom_severity(session: Session, severity: str) -> bytes:
    terms = session.book.custom.get(severity)
    if terms is None:
        raise refuse(Refusal.SEVERITY_NOT_IN_SET)
    return scval_encoding.config(terms)


def get_severity_telemetry(session: Session) -> bytes:
    rows = []
    for severity, lane in zip(SEVERITIES, session.book.lanes, strict=True):
        rate = lane.violations * 100 // lane.calculations if lane.calculations else 0
        rows.append(
            struct(
                severity=sc_symbol(severity),
                calculations=sc_u32(lane.calculations),
                violations=sc_u32(lane.violations),
                violation_rate=sc_u32(rate),
            )
        )
    return sc_vec(rows)


def get_economic_exposure(session: Session) -> bytes:
    config = session.book.config
    rows = [
        struct(
            severity=sc_symbol(severity),
            max_reward=sc_i128(config[severity].reward_base * 2),
            penalty_per_minute=sc_i128(config[severity].penalty_per_minute),
        )
        for severity in SEVERITIES
    ]
    return struct(
        total_max_reward=sc_i128(sum(terms.reward_base * 2 for terms in config.values())),
        total_penalty_per_minute=sc_i128(
            sum(terms.penalty_per_minute for terms in config.values())
        ),
        breakdown=sc_vec(rows),
    )


def get_history_page(session: Session, offset: int, limit: int) -> bytes:
    return scval_encoding.results(session.book.history[offset : offset + limit])


def get_history_by_outage(session: Session, outage_id: str) -> bytes:
    return scval_encoding.results(session.book.of_outage(outage_id))


def get_latest_by_outage(session: Session, outage_id: str) -> bytes:
    found = session.book.of_outage(outage_id)
    return scval_encoding.result(found[-1]) if found else xdr_codec.VOID


def get_contract_metadata(session: Session) -> bytes:
    return struct(
        contract_name=CONTRACT_NAME,
        storage_version=sc_u32(session.book.version),
        result_schema_version=SCHEMA_VERSION,
        supported_severities=scval_encoding.symbols(*SEVERITIES),
        features=scval_encoding.symbols(*FEATURES),
    )


def get_contract_info(session: Session) -> bytes:
    book = session.book
    return struct(
        schema_version=SCHEMA_VERSION,
        contract_name=CONTRACT_NAME,
        contract_version=sc_symbol("0_1_0"),
        storage_version=sc_u32(book.version),
        result_schema_version=SCHEMA_VERSION,
        event_version=VERSION,
        needs_migration=sc_bool(False),
        is_paused=sc_bool(book.paused),
        is_config_frozen=sc_bool(book.frozen),
        supported_severities=scval_encoding.symbols(*SEVERITIES),
        features=scval_encoding.symbols(*FEATURES),
    )


def get_full_audit_state(session: Session) -> bytes:
    book = session.book
    return struct(
        admin=_held(book.admin),
        operator=_held(book.operator),
        pending_admin=option(scval_encoding.address(book.pending_admin)),
        pending_operator=option(scval_encoding.address(book.pending_operator)),
        paused=sc_bool(book.paused),
        pause_info=sc_vec([scval_encoding.pause(book.pause)] if book.pause else []),
        config_snapshot=scval_encoding.snapshot(book.config),
        stats=scval_encoding.stats(book.stats),
        history_len=sc_u32(len(book.history)),
        result_schema=scval_encoding.result_schema(),
    )


def get_result_schema(session: Session) -> bytes:
    """Constants; but a contract that nobody initialized tells nothing."""
    assert session.book is not None
    return scval_encoding.result_schema()


def get_last_config_update(session: Session) -> bytes:
    ledger = session.book.updated_ledger
    return xdr_codec.VOID if ledger is None else struct(sequence=sc_u32(ledger))


def get_migration_state(session: Session) -> bytes:
    book = known(session)
    return struct(
        stored_version=sc_u32(book.version),
        expected_version=sc_u32(STORAGE_VERSION),
        needs_migration=_outdated(book),
    )


def get_version_info(session: Session) -> bytes:
    book = known(session)
    return struct(
        storage_version=sc_u32(book.version),
        result_schema_version=SCHEMA_VERSION,
        needs_migration=_outdated(book),
        is_paused=sc_bool(book.paused),
        contract_name=CONTRACT_NAME,
    )


def get_contract_state_fingerprint(session: Session) -> bytes:
    book = known(session)
    return struct(
        contract_name=CONTRACT_NAME,
        storage_version=sc_u32(book.version),
        result_schema_version=SCHEMA_VERSION,
        config_version_hash=sc_u64(config_hash(book.config)),
        is_paused=sc_bool(book.paused),
        needs_migration=_outdated(book),
        is_config_frozen=sc_bool(book.frozen),
        captured_at=sc_u64(session.now),
    )


def healthcheck(session: Session) -> bytes:
    if session.kept is None:
        status = "noinit"
    else:
        status = "ok" if session.kept.version == STORAGE_VERSION else "migrate"
    return struct(
        ready=sc_bool(status == "ok"), contract_name=CONTRACT_NAME, status=sc_symbol(status)
    )


def get_failure_schema(session: Session) -> bytes:
    """Its descriptions hold spaces, which no symbol may: it has never answered anybody."""
    raise Trapped(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_INVALID_INPUT)


# Those that read one thing and show it.
PLAIN: dict[str, View] = {
    "get_config_snapshot": lambda session: scval_encoding.snapshot(session.book.config),
    "get_custom_config_snapshot": lambda session: scval_encoding.snapshot(
        session.book.custom, sorted(session.book.custom)
    ),
    "list_configs": lambda session: scval_encoding.configs(session.book.config),
    "get_config_count": lambda session: sc_u32(len(session.book.config)),
    "get_config_version_hash": lambda session: sc_u64(config_hash(session.book.config)),
    "get_config_bundle": lambda session: struct(
        snapshot=scval_encoding.snapshot(session.book.config), schema=scval_encoding.result_schema()
    ),
    "get_result_schema": get_result_schema,
    "get_stats": lambda session: scval_encoding.stats(session.book.stats),
    "get_history": lambda session: scval_encoding.results(session.book.history),
    "get_retention_limit": lambda session: sc_u32(session.book.retention_limit),
    "get_admin": lambda session: _held(session.book.admin),
    "get_operator": lambda session: _held(session.book.operator),
    "get_pending_admin": lambda session: option(scval_encoding.address(session.book.pending_admin)),
    "get_pending_operator": lambda session: option(
        scval_encoding.address(session.book.pending_operator)
    ),
    "is_paused": lambda session: sc_bool(session.book.paused),
    "is_config_frozen": lambda session: sc_bool(session.book.frozen),
    "get_pause_info": lambda session: option(
        session.book.pause and scval_encoding.pause(session.book.pause)
    ),
    "get_storage_version": lambda session: sc_u32(known(session).version),
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
