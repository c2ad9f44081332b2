"""What the network's codes mean for a payment."""

import re

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import SendTransactionResponse

# Error numbers of the Stellar Asset Contract. They overlap with those of other contracts, so
# this table is only for its own calls.
_OBSTACLES = {
    6: "the payee's account does not exist",
    8: "the amount is not positive",
    9: "the allowance is too small",
    10: "the treasury is short, or the payee's trustline limit is reached",
    11: "the issuer has not authorised an account, or has frozen it",
    13: "the payee has no trustline for the asset",
    14: "an account is below its XLM reserve",
}
_CONTRACT_ERROR = re.compile(r"Error\(Contract, #([0-9]+)\)")


def obstacle(simulation_error: str) -> str:
    """Say in a sentence why a simulated transfer cannot be made."""
    found = _CONTRACT_ERROR.search(simulation_error)
    if found is None:
        return f"the network refuses the transfer: {simulation_error.strip().splitlines()[0]}"
    code = int(found[1])
    return _OBSTACLES.get(code, "the asset's contract refuses the transfer") + f" (#{code})"


def answer(response: SendTransactionResponse) -> str:
    """Write an answer to a send for the record: its status, and the result code of an error."""
    if response.error_result_xdr is None:
        return str(response.status.value)
    result = xdr.TransactionResult.from_xdr(response.error_result_xdr)
    return f"{response.status.value} {result.result.code.name}"


def failure(result_xdr: str) -> tuple[str, int]:
    """Return why a transaction in a ledger had no effect, and the fee it cost in stroops."""
    result = xdr.TransactionResult.from_xdr(result_xdr)
    reason = result.result.code.name
    operations = result.result.results
    if result.result.inner_result_pair is not None:
        inner = result.result.inner_result_pair.result.result
        reason, operations = inner.code.name, inner.results
    if operations and operations[0].tr and operations[0].tr.invoke_host_function_result:
        reason += " " + operations[0].tr.invoke_host_function_result.code.name
    return reason, result.fee_charged.int64
