"""
Errors of contract calls: those of the Stellar Asset Contract by number, those of its host by kind.

Numbers overlap with those of other contracts, so the first table is for the asset's own calls only.
"""

from collections.abc import Mapping

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from adapters.stellar.codes.meanings import Meaning, Remedy, page, park, retry

# 1 is reserved. The network's own list ends with 15.
ASSET: Mapping[int, Meaning] = {
    1: page("the asset's contract had an error of its own"),
    2: page("the asset's contract does not support the call"),
    3: page("the asset's contract is set up already"),
    4: page("the treasury did not authorise the transfer"),
    5: page("the treasury's authorisation is not valid"),
    6: Meaning(Remedy.PARK, "an account does not exist", either_side=True),
    7: park("the payee is not an account"),
    8: page("the amount is not positive"),
    9: page("the allowance is too small"),
    10: Meaning(
        Remedy.PARK, "the treasury is short, or the payee's trustline limit is reached", True
    ),
    11: Meaning(Remedy.PARK, "the issuer has not authorised an account, or has frozen it", True),
    12: page("the amount is beyond what can be counted"),
    13: Meaning(Remedy.PARK, "an account has no trustline for the asset", True),
    14: Meaning(Remedy.PARK, "an account is below its XLM reserve", True),
    15: park("the payee's account can hold no further entry"),
}

# Met when the state has changed between trying a call out and applying it; a new attempt is tried
# out first, and says more.
HOST: Mapping[SCErrorType, Meaning] = {
    SCErrorType.SCE_CONTRACT: retry("the contract refused the call"),
    SCErrorType.SCE_WASM_VM: page("the contract cannot be called like this"),
    SCErrorType.SCE_CONTEXT: retry("the call's surroundings have changed"),
    SCErrorType.SCE_STORAGE: retry("the entries the call needs have changed"),
    SCErrorType.SCE_OBJECT: page("the call's arguments are wrong"),
    SCErrorType.SCE_CRYPTO: page("a signature within the call is wrong"),
    SCErrorType.SCE_EVENTS: page("the call told more than is allowed"),
    SCErrorType.SCE_BUDGET: retry("the call cost more than it declared"),
    SCErrorType.SCE_VALUE: page("the call's arguments are wrong"),
    SCErrorType.SCE_AUTH: page("the call is not authorised"),
}

# Where the kind alone says too little.
HOST_CODES: Mapping[SCErrorCode, Meaning | None] = {
    SCErrorCode.SCEC_ARITH_DOMAIN: None,
    SCErrorCode.SCEC_INDEX_BOUNDS: None,
    SCErrorCode.SCEC_INVALID_INPUT: None,
    SCErrorCode.SCEC_MISSING_VALUE: None,
    SCErrorCode.SCEC_EXISTING_VALUE: None,
    SCErrorCode.SCEC_EXCEEDED_LIMIT: retry("the call went beyond what it declared"),
    SCErrorCode.SCEC_INVALID_ACTION: None,
    SCErrorCode.SCEC_INTERNAL_ERROR: retry("the network had an error of its own"),
    SCErrorCode.SCEC_UNEXPECTED_TYPE: None,
    SCErrorCode.SCEC_UNEXPECTED_SIZE: None,
}


def of_host(kind: SCErrorType, code: SCErrorCode) -> Meaning:
    """Return what an error of the contract's host means."""
    return HOST_CODES[code] or HOST[kind]
