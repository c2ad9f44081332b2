"""
Errors of contract calls: errors of a contract by number, errors of its host by type.

The numbers of different contracts overlap, so each table is for calls of its own contract only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from adapters.stellar.codes.meanings import Meaning, Remedy, block, page, retry
from domain.reasons import ReasonCode

# 1 is reserved. The network's own list ends with 15.
ASSET: Mapping[int, Meaning] = {
    1: page("the asset's contract had an error of its own"),
    2: page("the asset's contract does not support the call"),
    3: page("the asset's contract is set up already"),
    4: page("the treasury did not authorise the transfer"),
    5: page("the treasury's authorisation is not valid"),
    6: Meaning(Remedy.BLOCK, "an account does not exist", either_side=True),
    7: block("the payee is not an account", ReasonCode.PAYEE_INVALID),
    8: page("the amount is not positive"),
    9: page("the allowance is too small"),
    10: Meaning(
        Remedy.BLOCK, "the treasury is short, or the payee's trustline limit is reached", True
    ),
    11: Meaning(Remedy.BLOCK, "the issuer has not authorised an account, or has frozen it", True),
    12: page("the amount is beyond what can be counted"),
    13: Meaning(Remedy.BLOCK, "an account has no trustline for the asset", True),
    14: Meaning(Remedy.BLOCK, "an account is below its XLM reserve", True),
    15: block("the payee's account can hold no further entry"),
}

# Errors of the SLA contract, those of its administration included, which none of our calls can cause.
CALCULATOR: Mapping[int, Meaning] = {
    1: page("it is initialized already"),
    2: page("it is not initialized, or nobody holds the role asked for"),
    3: page("the caller does not hold the role; was the operator's key replaced?"),
    4: page("it knows no terms for this severity"),
    5: page("its storage has another version"),
    6: block("it is paused"),
    7: page("no transfer of a role is pending"),
    8: page("the threshold is out of bounds"),
    9: page("the penalty is out of bounds"),
    10: page("the reward is out of bounds"),
    11: page("the severity is not one that may be changed so"),
    12: page("the retention limit is out of bounds"),
    13: page("it has calculated this verdict before, from other minutes or terms"),
    14: page("the penalty is not a negative 128-bit integer"),
    15: page("the reward is not a positive 128-bit integer"),
    16: page("its config is frozen"),
    17: page("an input is too long"),
    18: page("the severity is not in its set"),
    19: page("it has calculated this verdict 16 times; have its admin prune it"),
}

# These occur when the state has changed between simulation and application; a new attempt is simulated
# first, and that error says more.
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

# Codes whose meaning differs from that of their type.
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


def get_host_meaning(kind: SCErrorType, code: SCErrorCode) -> Meaning:
    """Return the meaning of an error of the contract's host."""
    return HOST_CODES[code] or HOST[kind]


Tried = Mapping[tuple[SCErrorType, SCErrorCode], Meaning]

# Errors that mean something else in a simulation, which declares no resources yet.
ASSET_TRIED: Tried = {
    (SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_MISSING_VALUE): page(
        "there is no contract for the asset; check STELLAR_USDC_ISSUER, or have it deployed"
    ),
}
CALCULATOR_TRIED: Tried = {
    (SCErrorType.SCE_BUDGET, SCErrorCode.SCEC_EXCEEDED_LIMIT): page(
        "its entry is full; have its admin prune it"
    ),
    (SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_MISSING_VALUE): page("there is no such contract"),
}


@dataclass(frozen=True, slots=True)
class Callee:
    """The contract whose errors are parsed: its numbers, and the meaning of any other number."""

    numbers: Mapping[int, Meaning]
    unknown: Meaning
    tried: Tried

    def get_meaning(self, number: int) -> Meaning:
        return self.numbers.get(number, self.unknown)

    def get_simulation_meaning(self, kind: SCErrorType, code: SCErrorCode) -> Meaning:
        """
        Return the meaning of a host error in a simulation.

        The simulation ran on the present state, so that it would fail again: a person must look.
        """
        found = self.tried.get((kind, code)) or get_host_meaning(kind, code)
        lasting = found.remedy is Remedy.RETRY and code is not SCErrorCode.SCEC_INTERNAL_ERROR
        return page(found.sentence) if lasting else found


THE_ASSET = Callee(
    ASSET,
    page("the asset's contract refuses the transfer with an unknown error"),
    ASSET_TRIED,
)
THE_CALCULATOR = Callee(CALCULATOR, page("with an unknown error"), CALCULATOR_TRIED)
