"""Result codes of operations: of payments, of commands, and of operations that are never sent."""

from collections.abc import Mapping
from enum import IntEnum

from stellar_sdk import xdr
from stellar_sdk.xdr import InvokeHostFunctionResultCode as Invoke
from stellar_sdk.xdr import OperationResultCode as Operation
from stellar_sdk.xdr import PaymentResultCode as Payment

from adapters.stellar.codes.meanings import Meaning, block, page, retry, terminal
from domain.reasons import ReasonCode as Why

Codes = Mapping[IntEnum, Meaning]

OPERATIONS: Codes = {
    Operation.opINNER: retry("the operation's own code says more"),
    Operation.opBAD_AUTH: page("a signature of the operation's account is missing"),
    Operation.opNO_ACCOUNT: page("the account that pays does not exist", Why.TREASURY_MISSING),
    Operation.opNOT_SUPPORTED: page("the network does not support this operation"),
    Operation.opTOO_MANY_SUBENTRIES: page("an account has too many entries"),
    Operation.opEXCEEDED_WORK_LIMIT: retry("the operation was too much work for the ledger"),
    Operation.opTOO_MANY_SPONSORING: page("the operator sponsors as much as an account can"),
}

PAYMENTS: Codes = {
    Payment.PAYMENT_SUCCESS: terminal("the payment was applied"),
    Payment.PAYMENT_MALFORMED: page("we signed a payment of nothing, or of a wrong asset"),
    Payment.PAYMENT_UNDERFUNDED: page("the treasury is short", Why.TREASURY_UNDERFUNDED),
    Payment.PAYMENT_SRC_NO_TRUST: page(
        "the treasury has no trustline for the asset", Why.TREASURY_NO_TRUSTLINE
    ),
    Payment.PAYMENT_SRC_NOT_AUTHORIZED: page(
        "the issuer has frozen the treasury", Why.TREASURY_NOT_AUTHORIZED
    ),
    Payment.PAYMENT_NO_DESTINATION: block("the payee's account does not exist", Why.PAYEE_MISSING),
    Payment.PAYMENT_NO_TRUST: block(
        "the payee has no trustline for the asset", Why.PAYEE_NO_TRUSTLINE
    ),
    Payment.PAYMENT_NOT_AUTHORIZED: block(
        "the issuer has not authorised the payee, or has frozen it", Why.PAYEE_NOT_AUTHORIZED
    ),
    Payment.PAYMENT_LINE_FULL: block(
        "the payee's trustline limit is reached", Why.PAYEE_LIMIT_REACHED
    ),
    Payment.PAYMENT_NO_ISSUER: page("the asset's issuer does not exist"),
}

CALLS: Codes = {
    Invoke.INVOKE_HOST_FUNCTION_SUCCESS: terminal("the call was applied"),
    Invoke.INVOKE_HOST_FUNCTION_MALFORMED: page("the network cannot read the call we signed"),
    # The contract's own error says why; if there is none, a new attempt is simulated first.
    Invoke.INVOKE_HOST_FUNCTION_TRAPPED: retry("the contract refused the call"),
    Invoke.INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED: retry("it needed more than it declared"),
    Invoke.INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED: retry("an entry it needs was archived meanwhile"),
    Invoke.INVOKE_HOST_FUNCTION_INSUFFICIENT_REFUNDABLE_FEE: retry("rent cost more than was bid"),
}

CREATIONS: Codes = {
    xdr.CreateAccountResultCode.CREATE_ACCOUNT_SUCCESS: terminal("the account was created"),
    xdr.CreateAccountResultCode.CREATE_ACCOUNT_MALFORMED: page("a balance below nothing"),
    xdr.CreateAccountResultCode.CREATE_ACCOUNT_UNDERFUNDED: page("the operator is short of XLM"),
    xdr.CreateAccountResultCode.CREATE_ACCOUNT_LOW_RESERVE: page(
        "the operator is short of XLM for the reserves it sponsors"
    ),
    xdr.CreateAccountResultCode.CREATE_ACCOUNT_ALREADY_EXIST: retry(
        "the account exists by now; look again"
    ),
}

TRUSTS: Codes = {
    xdr.ChangeTrustResultCode.CHANGE_TRUST_SUCCESS: terminal("the trustline was changed"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_MALFORMED: page("not an asset to trust"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_NO_ISSUER: page("the asset's issuer does not exist"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT: page("the limit is below what is held"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_LOW_RESERVE: page("short of XLM for the reserve"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_SELF_NOT_ALLOWED: page("an issuer trusts itself"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_TRUST_LINE_MISSING: page("no such trustline"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_CANNOT_DELETE: page("the trustline is in use"),
    xdr.ChangeTrustResultCode.CHANGE_TRUST_NOT_AUTH_MAINTAIN_LIABILITIES: block(
        "the issuer has frozen it"
    ),
}

BUMPS: Codes = {
    xdr.BumpSequenceResultCode.BUMP_SEQUENCE_SUCCESS: terminal("the sequence was moved"),
    xdr.BumpSequenceResultCode.BUMP_SEQUENCE_BAD_SEQ: page("not a sequence to move to"),
}

_Begin = xdr.BeginSponsoringFutureReservesResultCode
_End = xdr.EndSponsoringFutureReservesResultCode
_Revoke = xdr.RevokeSponsorshipResultCode
SPONSORSHIPS: Codes = {
    _Begin.BEGIN_SPONSORING_FUTURE_RESERVES_SUCCESS: terminal("the sponsorship began"),
    _Begin.BEGIN_SPONSORING_FUTURE_RESERVES_MALFORMED: page("an account sponsors itself"),
    _Begin.BEGIN_SPONSORING_FUTURE_RESERVES_ALREADY_SPONSORED: page("it is sponsored already"),
    _Begin.BEGIN_SPONSORING_FUTURE_RESERVES_RECURSIVE: page("the sponsor is sponsored itself"),
}
SPONSORSHIP_ENDS: Codes = {
    _End.END_SPONSORING_FUTURE_RESERVES_SUCCESS: terminal("the sponsorship ended"),
    _End.END_SPONSORING_FUTURE_RESERVES_NOT_SPONSORED: page("there is no sponsorship to end"),
}
REVOCATIONS: Codes = {
    _Revoke.REVOKE_SPONSORSHIP_SUCCESS: terminal("the sponsorship was given up"),
    _Revoke.REVOKE_SPONSORSHIP_DOES_NOT_EXIST: page("there is no such entry"),
    _Revoke.REVOKE_SPONSORSHIP_NOT_SPONSOR: page("somebody else sponsors it"),
    _Revoke.REVOKE_SPONSORSHIP_LOW_RESERVE: page("short of XLM for the reserve"),
    _Revoke.REVOKE_SPONSORSHIP_ONLY_TRANSFERABLE: page("it can only be handed on"),
    _Revoke.REVOKE_SPONSORSHIP_MALFORMED: page("the network cannot read it"),
}

FAMILIES: Mapping[type[IntEnum], Codes] = {
    Operation: OPERATIONS,
    Payment: PAYMENTS,
    Invoke: CALLS,
    xdr.CreateAccountResultCode: CREATIONS,
    xdr.ChangeTrustResultCode: TRUSTS,
    xdr.BumpSequenceResultCode: BUMPS,
    _Begin: SPONSORSHIPS,
    _End: SPONSORSHIP_ENDS,
    _Revoke: REVOCATIONS,
}

NEVER = page("an operation that this engine never signs")


def get_meaning(code: IntEnum) -> Meaning:
    """Return the meaning of an operation's code."""
    return FAMILIES.get(type(code), {}).get(code, NEVER)
