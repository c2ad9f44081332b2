"""Trust: ChangeTrust by the holder, SetTrustLineFlags by the issuer."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import xdr
from stellar_sdk.xdr import ChangeTrustResultCode, SetTrustLineFlagsResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, account_of, asset_contract, asset_of, issuer_of
from stellar_sandbox.ledger.entries import (
    AUTH_CLAWBACK,
    AUTH_REQUIRED,
    AUTH_REVOCABLE,
    AUTHORIZED,
    BASE_RESERVE,
    MAINTAIN_LIABILITIES,
    TRUSTLINE_CLAWBACK,
    Account,
    Trustline,
)
from stellar_sandbox.operations.operation_context import Application


def check_change_trust(body: xdr.OperationBody, source: str) -> None:
    operation = body.change_trust_op
    assert operation is not None
    asset = asset_of(operation.line)
    if asset is None or asset == NATIVE or operation.limit.int64 < 0:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_MALFORMED)
    if issuer_of(asset) == source:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_SELF_NOT_ALLOWED)


def apply_change_trust(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.change_trust_op
    assert operation is not None
    asset, limit = asset_of(operation.line), operation.limit.int64
    assert asset is not None
    state = application.state
    holder = state.account(application.source)
    assert holder is not None
    line = state.trustline(holder.address, asset)
    if line is None:
        _open(application, holder, asset, limit)
    elif limit < line.balance:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT)
    elif limit == 0:
        state.remove(line.key)
        state.put(replace(holder, sub_entries=holder.sub_entries - 1))
    elif state.account(issuer_of(asset) or "") is None:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_NO_ISSUER)
    else:
        state.put(replace(line, limit=limit))
    return b""


def _open(application: Application, holder: Account, asset: str, limit: int) -> None:
    state = application.state
    if limit == 0:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT)
    issuer = state.account(issuer_of(asset) or "")
    if issuer is None:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_NO_ISSUER)
    if holder.spendable < BASE_RESERVE:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_LOW_RESERVE)
    flags = 0 if issuer.flags & AUTH_REQUIRED else AUTHORIZED
    if issuer.flags & AUTH_CLAWBACK:
        flags |= TRUSTLINE_CLAWBACK
    state.put(replace(holder, sub_entries=holder.sub_entries + 1))
    state.put(Trustline(holder.address, asset, 0, limit, flags))


def check_set_flags(body: xdr.OperationBody, source: str) -> None:
    operation = body.set_trust_line_flags_op
    assert operation is not None
    put, clear = operation.set_flags.uint32, operation.clear_flags.uint32
    asset = asset_of(operation.asset)
    both = AUTHORIZED | MAINTAIN_LIABILITIES
    if (
        asset is None
        or issuer_of(asset) != source
        or account_of(operation.trustor) == source
        or put & clear
        or put & ~both
        or put == both
        or clear & ~(both | TRUSTLINE_CLAWBACK)
    ):
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_MALFORMED)


def apply_set_flags(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.set_trust_line_flags_op
    assert operation is not None
    asset, trustor = asset_of(operation.asset), account_of(operation.trustor)
    assert asset is not None
    line = application.state.trustline(trustor, asset)
    if line is None:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_NO_TRUST_LINE)
    flags = (line.flags & ~operation.clear_flags.uint32) | operation.set_flags.uint32
    both = AUTHORIZED | MAINTAIN_LIABILITIES
    if flags & both == both:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_INVALID_STATE)
    issuer = application.state.account(application.source)
    assert issuer is not None
    if _power(flags) < _power(line.flags) and not issuer.flags & AUTH_REVOCABLE:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_CANT_REVOKE)
    application.state.put(replace(line, flags=flags))
    if (flags ^ line.flags) & AUTHORIZED:
        topics = [
            xdr_codec.sc_symbol("set_authorized"),
            xdr_codec.sc_address(trustor),
            xdr_codec.sc_string(asset),
        ]
        contract = asset_contract(asset, application.passphrase)
        granted = xdr_codec.sc_bool(bool(flags & AUTHORIZED))
        application.events.append(xdr_codec.event(contract, topics, granted))
    return b""


def _power(flags: int) -> int:
    return 2 if flags & AUTHORIZED else 1 if flags & MAINTAIN_LIABILITIES else 0
