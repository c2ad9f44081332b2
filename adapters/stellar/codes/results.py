"""Parse results of the network, and look their codes up in the tables of `codes`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from stellar_sdk import StrKey, xdr
from stellar_sdk.soroban_rpc import SendTransactionResponse
from stellar_sdk.xdr import BumpSequenceResultCode, SCErrorCode, SCErrorType
from stellar_sdk.xdr import TransactionResultCode as Code

from adapters.stellar.codes import contract_errors, operation_codes
from adapters.stellar.codes.contract_errors import THE_ASSET, Callee
from adapters.stellar.codes.meanings import Meaning, Remedy, page
from adapters.stellar.codes.transaction_codes import SENDS, TRANSACTIONS
from domain.settlement.envelopes import SendAnswer, SendStatus

_CONTRACT_ERROR = re.compile(r"Error\(Contract, #([0-9]+)\)")
_HOST_ERROR = re.compile(r"Error\(([A-Za-z]+), ([A-Za-z]+)\)")


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """The result of a transaction in a ledger; for a fee bump, of the transaction inside."""

    code: Code
    operation_codes: list[IntEnum]
    fee_stroops: int

    @property
    def is_applied(self) -> bool:
        """
        Tell whether it was applied, with or without effect.

        With any other code it may not have consumed its sequence: only the account shows that.
        """
        return self.code in (Code.txSUCCESS, Code.txFAILED)

    @property
    def is_noop(self) -> bool:
        """Tell whether it is a no-op transaction, which only used up its sequence."""
        return bool(self.operation_codes) and all(
            isinstance(code, BumpSequenceResultCode) for code in self.operation_codes
        )


# One result is looked at several times while its transaction is observed; nobody changes what is returned.
@lru_cache(maxsize=64)
def parse(result_xdr: str) -> TransactionResult:
    """Parse a TransactionResult (XDR)."""
    whole = xdr.TransactionResult.from_xdr(result_xdr)
    code, found = whole.result.code, whole.result.results
    if whole.result.inner_result_pair is not None:
        inner = whole.result.inner_result_pair.result.result
        code, found = inner.code, inner.results
    codes = [_get_operation_code(operation) for operation in found or []]
    return TransactionResult(code, codes, whole.fee_charged.int64)


def get_meaning(result: TransactionResult, trap: "Trap | None" = None) -> Meaning:
    """Return the meaning of one transfer's result, by its most specific code."""
    if result.code is not Code.txFAILED:
        return TRANSACTIONS[result.code]
    if trap is not None:
        return trap.meaning
    failed = [code for code in result.operation_codes if code.value]
    return operation_codes.get_meaning(failed[0]) if failed else TRANSACTIONS[result.code]


def format_codes(result: TransactionResult, trap: "Trap | None" = None) -> str:
    """Return the names of a result's codes, as the network writes them."""
    failed = dict.fromkeys(code.name for code in result.operation_codes if code.value)
    return " ".join([result.code.name, *failed, *([trap.name] if trap else [])])


@dataclass(frozen=True, slots=True)
class Trap:
    """The error of a contract call, and its meaning."""

    name: str
    meaning: Meaning


def find_trap(diagnostics: Sequence[str], contract: str, callee: Callee = THE_ASSET) -> Trap | None:
    """Find the error of the contract or its host in the diagnostic events of a failed call."""
    for text in diagnostics:
        event = xdr.DiagnosticEvent.from_xdr(text).event
        ours = event.contract_id is None or contract == StrKey.encode_contract(
            event.contract_id.contract_id.hash
        )
        topics = event.body.v0.topics if event.body.v0 else []
        for topic in topics[1:]:
            if ours and topic.error is not None:
                return _to_trap(topic.error, callee)
    return None


def parse_simulation_error(error: str, callee: Callee = THE_ASSET) -> Trap:
    """Parse the error of a simulated call."""
    number = _CONTRACT_ERROR.search(error)
    if number is not None:
        return _to_contract_trap(int(number[1]), callee)
    host = _HOST_ERROR.search(error)
    if host is not None:
        kinds = {_to_title(kind.name, "SCE_"): kind for kind in SCErrorType}
        codes = {_to_title(code.name, "SCEC_"): code for code in SCErrorCode}
        if host[1] in kinds and host[2] in codes:
            return Trap(host[0], callee.get_simulation_meaning(kinds[host[1]], codes[host[2]]))
    first = error.strip().splitlines()[0] if error.strip() else "no reason given"
    return Trap(first, page("the network refuses the call"))


def to_send_answer(response: SendTransactionResponse) -> SendAnswer:
    """Return the answer to a send as it is recorded: its status, and the result code of an error."""
    status = SendStatus(response.status.value)
    if response.error_result_xdr is None:
        return SendAnswer(status)
    return SendAnswer(status, _get_code(response.error_result_xdr).name)


def find_alarm(response: SendTransactionResponse) -> str:
    """Return what operators must repair before a node accepts these bytes; empty if nothing."""
    found = SENDS[response.status]
    if response.error_result_xdr is not None:
        found = TRANSACTIONS[_get_code(response.error_result_xdr)]
    return found.sentence if found.remedy is Remedy.PAGE else ""


def _get_code(result_xdr: str) -> Code:
    return parse(result_xdr).code


def _get_operation_code(operation: xdr.OperationResult) -> IntEnum:
    if operation.tr is None:
        return operation.code
    # Exactly one field is set: the result for the operation's own kind.
    for value in vars(operation.tr).values():
        code = getattr(value, "code", None)
        if isinstance(code, IntEnum):
            return code
    return operation.code


def _to_trap(error: xdr.SCError, callee: Callee) -> Trap:
    if error.type is SCErrorType.SCE_CONTRACT and error.contract_code is not None:
        return _to_contract_trap(error.contract_code.uint32, callee)
    code = error.code or SCErrorCode.SCEC_INTERNAL_ERROR
    name = f"Error({_to_title(error.type.name, 'SCE_')}, {_to_title(code.name, 'SCEC_')})"
    return Trap(name, contract_errors.get_host_meaning(error.type, code))


def _to_contract_trap(number: int, callee: Callee) -> Trap:
    return Trap(f"#{number}", callee.get_meaning(number))


def _to_title(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).title().replace("_", "")
