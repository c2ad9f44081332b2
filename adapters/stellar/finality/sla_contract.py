"""
The SLA contract on the chain: read its state, sign a call, send and watch it, parse its result.

The operator is the source of its own transactions. Channel accounts would not make it faster, because
every call writes the contract's one ledger entry; and the operator's sequence proves that a call was
included or has expired. Only low-level calls of the SDK are used, as for payments.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from stellar_sdk import (
    Account,
    Keypair,
    StrKey,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.soroban_rpc import (
    GetTransactionResponse,
    GetTransactionStatus,
    SimulateTransactionResponse,
)

from adapters.stellar.finality import contract_results, node_reports, submissions
from adapters.stellar.finality.evidence import Evidence
from adapters.stellar.finality.quorum import Quorum
from adapters.stellar.finality.witnesses import Disagreement, Witnesses
from adapters.stellar.rpc.nodes import Nodes, get_ledger_range
from adapters.stellar.signing import fee_bumps, soroban_transfers
from adapters.stellar.signing.fee_bumps import FEE_CAP_STROOPS
from adapters.stellar.signing.soroban_transfers import BACKSTOP, LEDGERS_TO_LIVE, MIN_FEE
from domain.errors import ChainUnavailable, ContractMismatch, ContractRefused, Obstructed
from domain.settlement.envelopes import SendAnswer, needs_raise
from domain.sla.attestations import (
    RETENTION_MAX,
    Call,
    CallOutcome,
    CallStatus,
    SignedCall,
)
from domain.sla.policies import hash_terms
from domain.sla.verdicts import Severity, Terms

WATCH_SECONDS, LOOK_EVERY_SECONDS = 8.0, 0.5


class NodesDisagree(ChainUnavailable):
    """The nodes disagree about a call."""


class SlaContract:
    """One deployed SLA contract, called by one operator."""

    def __init__(
        self,
        nodes: Nodes,
        passphrase: str,
        contract: str,
        operator: Keypair,
        fees: Keypair,
        fee_cap_stroops: int = FEE_CAP_STROOPS,
    ) -> None:
        if not StrKey.is_valid_contract(contract):
            raise ContractMismatch(
                f"STELLAR_SLA_CONTRACT is {contract!r}, which is not a contract id (C...)"
            )
        self.nodes = nodes
        self.quorum = Quorum(nodes, passphrase)
        self.witnesses = Witnesses(nodes, passphrase)
        self.evidence = Evidence(nodes, passphrase)
        self.passphrase = passphrase
        self.contract = contract
        self.operator = operator
        self.fees = fees
        self.fee_cap_stroops = fee_cap_stroops

    @property
    def source(self) -> str:
        return self.operator.public_key

    async def check(self) -> None:
        """Raise ContractMismatch for a contract that is not ready, not ours, or may outgrow its entry."""
        try:
            health = await self._read("healthcheck")
        except ContractRefused as error:
            raise ContractMismatch(
                f"{self._name} does not answer; is STELLAR_SLA_CONTRACT deployed on this network? "
                f"{error}"
            ) from error
        if not health["ready"]:
            raise ContractMismatch(f"{self._name} is not ready: its status is {health['status']!r}")
        if await self._read("is_paused"):
            raise ContractMismatch(f"{self._name} is paused; have its admin unpause it")
        operator = (await self._read("get_operator")).address
        if operator != self.source:
            raise ContractMismatch(
                f"{self._name} takes calls from {operator}, but STELLAR_OPERATOR_SEED is the seed "
                f"of {self.source}"
            )
        config, stated = await self.read_config(), await self._read("get_config_version_hash")
        if hash_terms(config) != stated:
            raise ContractMismatch(
                f"{self._name} states the hash {stated} for its config, whose hash is "
                f"{hash_terms(config)}: this version of the engine does not support the contract"
            )
        limit = await self._read("get_retention_limit")
        if limit > RETENTION_MAX:
            raise ContractMismatch(
                f"{self._name} keeps up to {limit} results, more than its entry has room for; "
                f"have its admin set a retention limit of at most {RETENTION_MAX}"
            )

    async def read_config(self) -> dict[Severity, Terms]:
        """Read the terms by which the contract calculates."""
        snapshot = await self._read("get_config_snapshot")
        config = {row["severity"]: Terms(**row["config"]) for row in snapshot["entries"]}
        if set(config) != {str(severity) for severity in Severity}:
            raise ContractMismatch(f"{self._name} has other severities: {sorted(config)}")
        return {severity: config[severity] for severity in Severity}

    async def sign_call(
        self, symbol: str, severity: Severity, mttr_minutes: int, times_signed: int = 0
    ) -> SignedCall:
        """
        Simulate and sign `calculate_sla` on the operator's next sequence, in a fee bump.

        Raises ContractRefused when the contract would refuse, Obstructed while it is paused or costs
        more than the cap, ChainUnavailable when no node answers.
        """
        config = await self.read_config()
        # Not from a ledger older than one already seen, because a sequence too low is refused.
        _, consumed = await self._read_sequence(at_least=self.nodes.highest)
        if consumed is None:
            raise Obstructed(f"the operator's account {self.source} does not exist")
        arguments = [
            scval.to_address(self.source),
            scval.to_symbol(symbol),
            scval.to_symbol(severity),
            scval.to_uint32(mttr_minutes),
        ]
        drafted = self._draft(
            "calculate_sla", arguments, consumed, await self.nodes.read_ledger_time()
        )
        tried = await self._simulate(drafted)
        for result in tried.results or []:
            contract_results.parse_result(result.xdr)  # what cannot be read is not paid for
        max_ledger = soroban_transfers.assemble(drafted, tried)
        drafted.sign(self.operator)
        cap = self.fee_cap_stroops
        envelope = fee_bumps.wrap(drafted, self.fees, times_signed, max_ledger, cap)
        return SignedCall(
            self.contract,
            self.source,
            consumed + 1,
            max_ledger,
            envelope.inner_hash,
            envelope.xdr,
            config,
        )

    async def send(self, call: Call) -> SendAnswer:
        """Send stored bytes; the answer is recorded and proves nothing."""
        return await submissions.send(self.nodes, call.envelope_xdr)

    async def raise_bid(self, call: Call, answer: SendAnswer) -> Call | None:
        """Raise the bid around the same call, if its place in a ledger costs more now; else None."""
        stored = fee_bumps.parse_stored(call.envelope_xdr, call.max_ledger, self.passphrase)
        try:
            passed = (await self.nodes.ask(get_ledger_range)).latest_ledger
        except ChainUnavailable:
            return None  # it is not known how long it has waited, so the same bytes are sent again
        passed -= call.max_ledger - LEDGERS_TO_LIVE
        if not needs_raise([answer], fee_bumps.count_raises(stored, self.passphrase), passed):
            return None
        higher = fee_bumps.raise_bid(stored, self.fees, self.fee_cap_stroops, self.passphrase)
        return None if higher is None else replace(call, envelope_xdr=higher.xdr)

    async def watch(self, call: Call, reason: str = "") -> CallOutcome:
        """
        Watch stored bytes for a few seconds, and return what is proven.

        Neither the answer to a send nor an error proves anything: the call is still open.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + WATCH_SECONDS
        while True:
            try:
                found = await self._find_result(call) or await self._prove(call)
                if found is not None:
                    return found
            except Exception as error:
                reason = f"the network cannot be read: {type(error).__name__}"
                reason = str(error) if isinstance(error, NodesDisagree) else reason
            if loop.time() >= end:
                return CallOutcome(CallStatus.OPEN, reason=reason)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _find_result(self, call: Call, at_least: int = 0) -> CallOutcome | None:
        """Return the outcome that one node shows, once it is believed; None while there is none."""
        node, found = await self.nodes.ask_any(
            lambda server: server.get_transaction(call.hash), at_least=at_least
        )
        if found.status is GetTransactionStatus.NOT_FOUND:
            return None
        report = node_reports.parse_lookup(found, node, self.passphrase)
        contradict = partial(self.evidence.find_contradiction, self.source, call.sequence)
        believed = await self.witnesses.confirm(report, [call.hash], contradict)
        if isinstance(believed, Disagreement):
            self.evidence.forget(report.ledger)
            raise NodesDisagree(believed.sentence)
        if node_reports.get_verdict(report) != node_reports.get_verdict(believed):
            raise NodesDisagree(f"{node.name} is outvoted about transaction {call.hash}")
        return self._to_outcome(found)

    async def _prove(self, call: Call) -> CallOutcome | None:
        """Read the operator's sequence in one consistent snapshot: open, expired or consumed."""
        latest, consumed = await self._read_sequence()
        if consumed is not None and consumed < call.sequence:
            expired = latest >= call.max_ledger - 1
            return CallOutcome(CallStatus.EXPIRED, latest) if expired else None
        # Consumed. A node looks the transaction up before it reads how far its history goes, so only a
        # second lookup proves that it is not there.
        for _ in range(2):
            found = await self._find_result(call, at_least=latest)
            if found is not None:
                return found
        return CallOutcome(
            CallStatus.LOST, latest, reason="no node shows what consumed the sequence"
        )

    def _to_outcome(self, found: GetTransactionResponse) -> CallOutcome | None:
        ledger = found.ledger or 0
        if found.status is GetTransactionStatus.FAILED:
            trap = contract_results.find_failure(found, self.contract)
            if trap is None:
                return None
            submissions.log_alarm(trap.meaning, f"a call of {self._name}")
            reason = f"{trap.meaning.sentence} ({trap.name})"
            return CallOutcome(CallStatus.FAILED, ledger, reason=reason)
        try:
            contract_result, fresh = contract_results.parse_answer(found, self.contract)
        except ContractRefused as error:  # it is in a ledger all the same: a person must look
            return CallOutcome(CallStatus.ANSWERED, ledger, reason=str(error))
        return CallOutcome(CallStatus.ANSWERED, ledger, contract_result, fresh)

    async def _read_sequence(self, at_least: int = 0) -> tuple[int, int | None]:
        """Return the ledger of one snapshot and the operator's last consumed sequence in it."""
        snapshot = await self.quorum.read_snapshot([self.source], at_least=at_least)
        return snapshot.ledger, snapshot.sequences.get(self.source)

    async def _read(self, function: str) -> Any:
        """Simulate a call that only reads; nothing is sent."""
        simulation = await self._simulate(self._draft(function, [], 0, datetime.now(UTC)))
        assert simulation.results is not None
        return scval.to_native(simulation.results[0].xdr)

    def _draft(
        self, function: str, arguments: list[xdr.SCVal], consumed: int, now: datetime
    ) -> TransactionEnvelope:
        account = Account(self.source, consumed)
        builder = TransactionBuilder(account, self.passphrase, MIN_FEE)
        builder.append_invoke_contract_function_op(self.contract, function, arguments)
        # Ledger bounds decide; the time bound only matters when the network stands still.
        builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
        builder.set_ledger_bounds(0, 0)
        return builder.build()

    async def _simulate(self, drafted: TransactionEnvelope) -> SimulateTransactionResponse:
        simulation = await self.nodes.ask(lambda server: server.simulate_transaction(drafted))
        if simulation.error is not None:
            raise contract_results.to_error(self._name, simulation.error)
        return simulation

    @property
    def _name(self) -> str:
        return f"the SLA contract {self.contract}"
