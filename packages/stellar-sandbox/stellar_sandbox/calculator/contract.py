"""The SLA calculator: a contract that turns a severity and minutes into a penalty or a reward.

It moves no money. Its whole state is one ledger entry, so calls wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator import calculation, governance, instance_storage, roles, views
from stellar_sandbox.calculator.contract_state import build_initial_state
from stellar_sandbox.calculator.invocation import (
    Invocation,
    Reader,
    read_address,
    read_i128,
    read_string,
    read_symbol,
    read_u32,
    read_u64,
)
from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.ledger.entries import ContractDataEntry
from stellar_sandbox.ledger.ledger_keys import build_instance_key

# Fixed, because nothing is metered here: the number that the contract's own tests measured.
INSTRUCTIONS = 18_000_000

Function = Callable[..., bytes]
_CONFIG = (read_address, read_symbol, read_u32, read_i128, read_i128)
FUNCTIONS: dict[str, tuple[Function, tuple[Reader, ...]]] = {
    "initialize": (roles.initialize, (read_address, read_address)),
    "calculate_sla": (
        calculation.calculate_sla,
        (read_address, read_symbol, read_symbol, read_u32),
    ),
    "calculate_sla_view": (calculation.calculate_sla_view, (read_symbol, read_symbol, read_u32)),
    "replay_calculate_sla": (
        calculation.replay_calculate_sla,
        (read_symbol, read_symbol, read_u32, read_u64),
    ),
    "set_config": (governance.set_config, _CONFIG),
    "set_custom_severity": (governance.set_custom_severity, _CONFIG),
    "remove_custom_severity": (governance.remove_custom_severity, (read_address, read_symbol)),
    "pause": (governance.pause, (read_address, read_string)),
    "unpause": (governance.unpause, (read_address,)),
    "freeze_config": (governance.freeze_config, (read_address,)),
    "unfreeze_config": (governance.unfreeze_config, (read_address,)),
    "set_retention_limit": (governance.set_retention_limit, (read_address, read_u32)),
    "prune_history": (governance.prune_history, (read_address, read_u32)),
    "prune_history_by_age": (governance.prune_history_by_age, (read_address, read_u64)),
    "migrate": (governance.migrate, (read_address,)),
    "set_operator": (roles.set_operator, (read_address, read_address)),
    "propose_admin": (roles.propose_admin, (read_address, read_address)),
    "propose_operator": (roles.propose_operator, (read_address, read_address)),
    "accept_admin": (roles.accept_admin, (read_address,)),
    "accept_operator": (roles.accept_operator, (read_address,)),
    "cancel_admin_proposal": (roles.cancel_admin_proposal, (read_address,)),
    "cancel_operator_proposal": (roles.cancel_operator_proposal, (read_address,)),
    "renounce_admin": (roles.renounce_admin, (read_address,)),
    "get_config": (views.get_config, (read_symbol,)),
    "get_custom_severity": (views.get_custom_severity, (read_symbol,)),
    "get_history_page": (views.get_history_page, (read_u32, read_u32)),
    "get_history_by_outage": (views.get_history_by_outage, (read_symbol,)),
    "get_latest_by_outage": (views.get_latest_by_outage, (read_symbol,)),
    **{name: (view, ()) for name, view in views.PARAMETERLESS_VIEWS.items()},
}


class SlaCalculator:
    """One calculator under one contract id; a genesis file initializes it from the first ledger."""

    def __init__(
        self,
        contract: str,
        admin: str | None = None,
        operator: str | None = None,
        retention: int | None = None,
    ) -> None:
        self.contract = contract
        self._initial_state = (
            build_initial_state(admin, operator, retention) if admin and operator else None
        )

    def build_instance(self, passphrase: str) -> ContractDataEntry:
        return instance_storage.encode_instance(self.contract, self._initial_state)

    def invoke(self, call: ContractCall) -> bytes:
        function, readers = FUNCTIONS.get(call.function, (None, ()))
        if function is None:
            raise HostError(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_MISSING_VALUE)
        if len(call.args) != len(readers):
            raise HostError(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_UNEXPECTED_SIZE)
        call.instructions += INSTRUCTIONS
        stored = instance_storage.decode_instance(
            cast(ContractDataEntry, call.ltx.get(build_instance_key(self.contract)))
        )
        invocation = Invocation(call, stored)
        arguments = [read(arg) for read, arg in zip(readers, call.args, strict=True)]
        answer = function(invocation, *arguments)
        if invocation.stored is not stored and invocation.stored is not None:
            call.ltx.put(instance_storage.encode_instance(self.contract, invocation.stored))
        return answer
