"""ChangeTrust and SetTrustLineFlags."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import xdr
from stellar_sdk.xdr import ChangeTrustResultCode, SetTrustLineFlagsResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import (
    NATIVE,
    derive_asset_contract,
    get_issuer,
    parse_account_id,
    parse_asset,
)
from stellar_sandbox.ledger.entries import (
    AUTH_CLAWBACK,
    AUTH_REQUIRED,
    AUTH_REVOCABLE,
    AUTHORIZED,
    BASE_RESERVE,
    MAINTAIN_LIABILITIES,
    TRUSTLINE_CLAWBACK,
    AccountEntry,
    TrustLineEntry,
)
from stellar_sandbox.operations.operation_context import OperationContext


def check_change_trust(body: xdr.OperationBody, source: str) -> None:
    operation = body.change_trust_op
    assert operation is not None
    asset = parse_asset(operation.line)
    if asset is None or asset == NATIVE or operation.limit.int64 < 0:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_MALFORMED)
    if get_issuer(asset) == source:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_SELF_NOT_ALLOWED)


def apply_change_trust(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.change_trust_op
    assert operation is not None
    asset, limit = parse_asset(operation.line), operation.limit.int64
    assert asset is not None
    ltx = context.ltx
    holder = ltx.load_account(context.source)
    assert holder is not None
    line = ltx.load_trustline(holder.address, asset)
    if line is None:
        _open_trustline(context, holder, asset, limit)
    elif limit < line.balance:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT)
    elif limit == 0:
        ltx.remove(line.key)
        ltx.put(replace(holder, num_sub_entries=holder.num_sub_entries - 1))
    elif ltx.load_account(get_issuer(asset) or "") is None:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_NO_ISSUER)
    else:
        ltx.put(replace(line, limit=limit))
    return b""


def _open_trustline(
    context: OperationContext, holder: AccountEntry, asset: str, limit: int
) -> None:
    ltx = context.ltx
    if limit == 0:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT)
    issuer = ltx.load_account(get_issuer(asset) or "")
    if issuer is None:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_NO_ISSUER)
    if holder.available_balance < BASE_RESERVE:
        raise OperationFailed(ChangeTrustResultCode.CHANGE_TRUST_LOW_RESERVE)
    flags = 0 if issuer.flags & AUTH_REQUIRED else AUTHORIZED
    if issuer.flags & AUTH_CLAWBACK:
        flags |= TRUSTLINE_CLAWBACK
    ltx.put(replace(holder, num_sub_entries=holder.num_sub_entries + 1))
    ltx.put(TrustLineEntry(holder.address, asset, 0, limit, flags))


def check_set_flags(body: xdr.OperationBody, source: str) -> None:
    operation = body.set_trust_line_flags_op
    assert operation is not None
    put, clear = operation.set_flags.uint32, operation.clear_flags.uint32
    asset = parse_asset(operation.asset)
    both = AUTHORIZED | MAINTAIN_LIABILITIES
    if (
        asset is None
        or get_issuer(asset) != source
        or parse_account_id(operation.trustor) == source
        or put & clear
        or put & ~both
        or put == both
        or clear & ~(both | TRUSTLINE_CLAWBACK)
    ):
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_MALFORMED)


def apply_set_flags(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.set_trust_line_flags_op
    assert operation is not None
    asset, trustor = parse_asset(operation.asset), parse_account_id(operation.trustor)
    assert asset is not None
    line = context.ltx.load_trustline(trustor, asset)
    if line is None:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_NO_TRUST_LINE)
    flags = (line.flags & ~operation.clear_flags.uint32) | operation.set_flags.uint32
    both = AUTHORIZED | MAINTAIN_LIABILITIES
    if flags & both == both:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_INVALID_STATE)
    issuer = context.ltx.load_account(context.source)
    assert issuer is not None
    if _rank_flags(flags) < _rank_flags(line.flags) and not issuer.flags & AUTH_REVOCABLE:
        raise OperationFailed(SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_CANT_REVOKE)
    context.ltx.put(replace(line, flags=flags))
    if (flags ^ line.flags) & AUTHORIZED:
        topics = [
            xdr_codec.encode_symbol("set_authorized"),
            xdr_codec.encode_sc_address(trustor),
            xdr_codec.encode_string(asset),
        ]
        contract = derive_asset_contract(asset, context.passphrase)
        granted = xdr_codec.encode_bool(bool(flags & AUTHORIZED))
        context.events.append(xdr_codec.encode_event(contract, topics, granted))
    return b""


def _rank_flags(flags: int) -> int:
    return 2 if flags & AUTHORIZED else 1 if flags & MAINTAIN_LIABILITIES else 0
