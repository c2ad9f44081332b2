"""The SLA calculator: a contract that knows terms and minutes, and answers who owes whom how much.

It moves no money and knows no token. All it keeps is one entry, so every call waits for the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator import calculation, governance, instance_storage, roles, views
from stellar_sandbox.calculator.contract_state import opened
from stellar_sandbox.calculator.invocation import (
    Reader,
    Session,
    address,
    i128,
    string,
    symbol,
    u32,
    u64,
)
from stellar_sandbox.contracts.host import Call
from stellar_sandbox.contracts.host_errors import Trapped
from stellar_sandbox.ledger.entries import ContractData
from stellar_sandbox.ledger.ledger_keys import instance_key

# A fixed price, because nothing is metered here: what the contract's own suite measured.
INSTRUCTIONS = 18_000_000

Function = Callable[..., bytes]
_TERMS = (address, symbol, u32, i128, i128)
FUNCTIONS: dict[str, tuple[Function, tuple[Reader, ...]]] = {
    "initialize": (roles.initialize, (address, address)),
    "calculate_sla": (calculation.calculate_sla, (address, symbol, symbol, u32)),
    "calculate_sla_view": (calculation.calculate_sla_view, (symbol, symbol, u32)),
    "replay_calculate_sla": (calculation.replay_calculate_sla, (symbol, symbol, u32, u64)),
    "set_config": (governance.set_config, _TERMS),
    "set_custom_severity": (governance.set_custom_severity, _TERMS),
    "remove_custom_severity": (governance.remove_custom_severity, (address, symbol)),
    "pause": (governance.pause, (address, string)),
    "unpause": (governance.unpause, (address,)),
    "freeze_config": (governance.freeze_config, (address,)),
    "unfreeze_config": (governance.unfreeze_config, (address,)),
    "set_retention_limit": (governance.set_retention_limit, (address, u32)),
    "prune_history": (governance.prune_history, (address, u32)),
    "prune_history_by_age": (governance.prune_history_by_age, (address, u64)),
    "migrate": (governance.migrate, (address,)),
    "set_operator": (roles.set_operator, (address, address)),
    "propose_admin": (roles.propose_admin, (address, address)),
    "propose_operator": (roles.propose_operator, (address, address)),
    "accept_admin": (roles.accept_admin, (address,)),
    "accept_operator": (roles.accept_operator, (address,)),
    "cancel_admin_proposal": (roles.cancel_admin_proposal, (address,)),
    "cancel_operator_proposal": (roles.cancel_operator_proposal, (address,)),
    "renounce_admin": (roles.renounce_admin, (address,)),
    "get_config": (views.get_config, (symbol,)),
    "get_custom_severity": (views.get_custom_severity, (symbol,)),
    "get_history_page": (views.get_history_page, (u32, u32)),
    "get_history_by_outage": (views.get_history_by_outage, (symbol,)),
    "get_latest_by_outage": (views.get_latest_by_outage, (symbol,)),
    **{name: (view, ()) for name, view in views.PLAIN.items()},
}


class SlaCalculator:
    """One calculator under one contract id; in a genesis it is initialized from the start."""

    def __init__(
        self,
        contract: str,
        admin: str | None = None,
        operator: str | None = None,
        retention: int | None = None,
    ) -> None:
        self.contract = contract
        self._book = opened(admin, operator, retention) if admin and operator else None

    def instance(self, passphrase: str) -> ContractData:
        return instance_storage.entry(self.contract, self._book)

    def invoke(self, call: Call) -> bytes:
        function, readers = FUNCTIONS.get(call.function, (None, ()))
        if function is None:
            raise Trapped(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_MISSING_VALUE)
        if len(call.args) != len(readers):
            raise Trapped(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_UNEXPECTED_SIZE)
        call.instructions += INSTRUCTIONS
        kept = instance_storage.book_in(
            cast(ContractData, call.state.get(instance_key(self.contract)))
        )
        session = Session(call, kept)
        arguments = [read(arg) for read, arg in zip(readers, call.args, strict=True)]
        answer = function(session, *arguments)
        if session.kept is not kept and session.kept is not None:
            call.state.put(instance_storage.entry(self.contract, session.kept))
        return answer
