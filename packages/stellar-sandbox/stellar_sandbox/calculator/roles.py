"""Admin and operator: who holds each role, and how it passes from hand to hand."""

from __future__ import annotations

from stellar_sandbox.calculator import contract_state
from stellar_sandbox.calculator.contract_errors import Refusal, refuse
from stellar_sandbox.calculator.invocation import Session
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import sc_address


def initialize(session: Session, admin: str, operator: str) -> bytes:
    """Open an empty book; after an admin has renounced, anybody may do it again."""
    if session.kept is not None and session.kept.admin is not None:
        raise refuse(Refusal.ALREADY_INITIALIZED)
    session.call.require_auth(admin)
    session.call.require_auth(operator)
    session.kept = contract_state.opened(admin, operator)
    return xdr_codec.VOID


def set_operator(session: Session, caller: str, operator: str) -> bytes:
    _admin_of_thawed(session, caller)
    session.write(operator=operator)
    session.tell("op_set", sc_address(caller), sc_address(operator))
    return xdr_codec.VOID


def propose_admin(session: Session, caller: str, admin: str) -> bytes:
    _admin_of_thawed(session, caller)
    session.write(pending_admin=admin)
    session.tell("adm_prop", sc_address(caller), sc_address(admin))
    return xdr_codec.VOID


def propose_operator(session: Session, caller: str, operator: str) -> bytes:
    _admin_of_thawed(session, caller)
    session.write(pending_operator=operator)
    session.tell("op_prop", sc_address(caller), sc_address(operator))
    return xdr_codec.VOID


def accept_admin(session: Session, caller: str) -> bytes:
    session.require_thawed()
    _accept(session, caller, session.book.pending_admin)
    session.write(admin=caller, pending_admin=None)
    session.tell("adm_acc", sc_address(caller))
    return xdr_codec.VOID


def accept_operator(session: Session, caller: str) -> bytes:
    session.require_thawed()
    _accept(session, caller, session.book.pending_operator)
    session.write(operator=caller, pending_operator=None)
    session.tell("op_acc", sc_address(caller))
    return xdr_codec.VOID


def cancel_admin_proposal(session: Session, caller: str) -> bytes:
    _admin_of_thawed(session, caller)
    _require_pending(session.book.pending_admin)
    session.write(pending_admin=None)
    session.tell("adm_can", sc_address(caller))
    return xdr_codec.VOID


def cancel_operator_proposal(session: Session, caller: str) -> bytes:
    _admin_of_thawed(session, caller)
    _require_pending(session.book.pending_operator)
    session.write(pending_operator=None)
    session.tell("op_can", sc_address(caller))
    return xdr_codec.VOID


def renounce_admin(session: Session, caller: str) -> bytes:
    _admin_of_thawed(session, caller)
    session.write(admin=None, pending_admin=None)
    session.tell("adm_ren", sc_address(caller))
    return xdr_codec.VOID


def _admin_of_thawed(session: Session, caller: str) -> None:
    """Role changes ask for the freeze before they ask who calls; config changes after."""
    session.require_thawed()
    session.require_admin(caller)


def _accept(session: Session, caller: str, pending: str | None) -> None:
    session.call.require_auth(caller)
    if _require_pending(pending) != caller:
        raise refuse(Refusal.UNAUTHORIZED)


def _require_pending(pending: str | None) -> str:
    if pending is None:
        raise refuse(Refusal.NO_PENDING_TRANSFER)
    return pending
