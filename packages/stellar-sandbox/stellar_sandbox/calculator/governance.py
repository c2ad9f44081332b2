"""What the admin may change: terms, limits, the pause and the freeze."""

from __future__ import annotations

from stellar_sandbox.calculator.contract_errors import Refusal, refuse
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, Pause, Result
from stellar_sandbox.calculator.invocation import Session
from stellar_sandbox.calculator.sla_config import Terms, check_canonical, check_custom
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import sc_address, sc_i128, sc_symbol, sc_u32

REASON_BYTES_MAX = 256
RETENTION_MAX = 1_000


def set_config(
    session: Session, caller: str, severity: str, threshold: int, penalty: int, reward: int
) -> bytes:
    book = session.book
    session.require_admin(caller)
    session.require_thawed()
    terms = Terms(threshold, penalty, reward)
    check_canonical(severity, terms, book.config)
    session.write(config={**book.config, severity: terms}, updated_ledger=session.call.ledger)
    _tell_config(session, severity, terms)
    return xdr_codec.VOID


def set_custom_severity(
    session: Session, caller: str, severity: str, threshold: int, penalty: int, reward: int
) -> bytes:
    book = session.book
    session.require_admin(caller)
    session.require_thawed()
    terms = Terms(threshold, penalty, reward)
    check_custom(severity, terms)
    session.write(custom={**book.custom, severity: terms})
    _tell_config(session, severity, terms)
    return xdr_codec.VOID


def remove_custom_severity(session: Session, caller: str, severity: str) -> bytes:
    book = session.book
    session.require_admin(caller)
    session.require_thawed()
    if severity not in book.custom:
        raise refuse(Refusal.SEVERITY_NOT_IN_SET)
    left = {name: terms for name, terms in book.custom.items() if name != severity}
    session.write(custom=left)
    _tell_config(session, severity, Terms(0, 0, 0))
    return xdr_codec.VOID


def pause(session: Session, caller: str, reason: bytes) -> bytes:
    session.require_admin(caller)
    if len(reason) > REASON_BYTES_MAX:
        raise refuse(Refusal.INVALID_INPUT)
    session.write(paused=True, pause=Pause(reason, session.now, caller))
    session.tell("paused", sc_address(caller), xdr_codec.sc_bool(True))
    return xdr_codec.VOID


def unpause(session: Session, caller: str) -> bytes:
    session.require_admin(caller)
    session.write(paused=False, pause=None)
    session.tell("unpause", sc_address(caller), xdr_codec.sc_bool(False))
    return xdr_codec.VOID


def freeze_config(session: Session, caller: str) -> bytes:
    session.require_admin(caller)
    session.write(frozen=True)
    session.tell("cfg_frz", sc_address(caller))
    return xdr_codec.VOID


def unfreeze_config(session: Session, caller: str) -> bytes:
    session.require_admin(caller)
    session.write(frozen=False)
    session.tell("cfg_unfrz", sc_address(caller))
    return xdr_codec.VOID


def set_retention_limit(session: Session, caller: str, limit: int) -> bytes:
    session.require_admin(caller)
    if not 1 <= limit <= RETENTION_MAX:
        raise refuse(Refusal.RETENTION_LIMIT_OUT_OF_RANGE)
    session.write(retention=limit)
    return xdr_codec.VOID


def prune_history(session: Session, caller: str, keep_latest: int) -> bytes:
    book = session.book
    session.require_admin(caller)
    removed = max(0, len(book.history) - keep_latest)
    return _prune(session, "pruned", caller, book.history[removed:])


def prune_history_by_age(session: Session, caller: str, min_age_seconds: int) -> bytes:
    book = session.book
    session.require_admin(caller)
    cutoff = max(0, session.now - min_age_seconds)
    kept = tuple(result for result in book.history if result.recorded_at >= cutoff)
    return _prune(session, "pruned_a", caller, kept)


def _prune(session: Session, name: str, caller: str, kept: tuple[Result, ...]) -> bytes:
    removed = len(session.book.history) - len(kept)
    if removed:
        session.write(history=kept)
        session.tell(name, sc_address(caller), sc_u32(removed), sc_u32(len(kept)))
    return xdr_codec.VOID


def migrate(session: Session, caller: str) -> bytes:
    """Nothing to do on a contract that this code initialized; there is no other."""
    session.require(caller, session.kept.admin if session.kept else None)
    assert session.kept is not None
    if session.kept.version > STORAGE_VERSION:
        raise refuse(Refusal.VERSION_MISMATCH)
    return xdr_codec.VOID


def _tell_config(session: Session, severity: str, terms: Terms) -> None:
    session.tell(
        "cfg_upd",
        sc_symbol(severity),
        sc_u32(terms.threshold_minutes),
        sc_i128(terms.penalty_per_minute),
        sc_i128(terms.reward_base),
    )
