"""The roles of admin and operator: initialize, set, propose, accept, cancel and renounce."""

from __future__ import annotations

from stellar_sandbox.calculator import contract_state
from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.invocation import Invocation
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import encode_sc_address


def initialize(invocation: Invocation, admin: str, operator: str) -> bytes:
    """Initialize the contract; after the admin has renounced, anybody may do it again."""
    if invocation.stored is not None and invocation.stored.admin is not None:
        raise build_failure(SLAError.ALREADY_INITIALIZED)
    invocation.call.require_auth(admin)
    invocation.call.require_auth(operator)
    invocation.stored = contract_state.build_initial_state(admin, operator)
    return xdr_codec.VOID


def set_operator(invocation: Invocation, caller: str, operator: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    invocation.write(operator=operator)
    invocation.emit("op_set", encode_sc_address(caller), encode_sc_address(operator))
    return xdr_codec.VOID


def propose_admin(invocation: Invocation, caller: str, admin: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    invocation.write(pending_admin=admin)
    invocation.emit("adm_prop", encode_sc_address(caller), encode_sc_address(admin))
    return xdr_codec.VOID


def propose_operator(invocation: Invocation, caller: str, operator: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    invocation.write(pending_operator=operator)
    invocation.emit("op_prop", encode_sc_address(caller), encode_sc_address(operator))
    return xdr_codec.VOID


def accept_admin(invocation: Invocation, caller: str) -> bytes:
    invocation.require_unfrozen()
    _accept(invocation, caller, invocation.state.pending_admin)
    invocation.write(admin=caller, pending_admin=None)
    invocation.emit("adm_acc", encode_sc_address(caller))
    return xdr_codec.VOID


def accept_operator(invocation: Invocation, caller: str) -> bytes:
    invocation.require_unfrozen()
    _accept(invocation, caller, invocation.state.pending_operator)
    invocation.write(operator=caller, pending_operator=None)
    invocation.emit("op_acc", encode_sc_address(caller))
    return xdr_codec.VOID


def cancel_admin_proposal(invocation: Invocation, caller: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    _require_pending(invocation.state.pending_admin)
    invocation.write(pending_admin=None)
    invocation.emit("adm_can", encode_sc_address(caller))
    return xdr_codec.VOID


def cancel_operator_proposal(invocation: Invocation, caller: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    _require_pending(invocation.state.pending_operator)
    invocation.write(pending_operator=None)
    invocation.emit("op_can", encode_sc_address(caller))
    return xdr_codec.VOID


def renounce_admin(invocation: Invocation, caller: str) -> bytes:
    _require_unfrozen_admin(invocation, caller)
    invocation.write(admin=None, pending_admin=None)
    invocation.emit("adm_ren", encode_sc_address(caller))
    return xdr_codec.VOID


def _require_unfrozen_admin(invocation: Invocation, caller: str) -> None:
    """Check the freeze before the caller; functions that change the config check it after."""
    invocation.require_unfrozen()
    invocation.require_admin(caller)


def _accept(invocation: Invocation, caller: str, pending: str | None) -> None:
    invocation.call.require_auth(caller)
    if _require_pending(pending) != caller:
        raise build_failure(SLAError.UNAUTHORIZED)


def _require_pending(pending: str | None) -> str:
    if pending is None:
        raise build_failure(SLAError.NO_PENDING_TRANSFER)
    return pending
