"""
The rail of settlements: sign, send, observe and prove transactions on Stellar.

Only low-level calls of the SDK are used, because its convenience functions rebuild transactions, raise
or give up where a payment must not. Nothing here can pay twice: a payment keeps its (channel, sequence)
until the network has consumed it.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NoReturn

from stellar_sdk import Asset as SdkAsset
from stellar_sdk import Keypair, TransactionEnvelope

from adapters.stellar.accounts.frozen_keys import FrozenKeys
from adapters.stellar.accounts.memo_requirements import MemoRequirements
from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.finality import failure_attribution, observations, submissions
from adapters.stellar.finality.agreed_sequences import read_agreed
from adapters.stellar.finality.evidence import Evidence
from adapters.stellar.finality.quorum import Hashes, Quorum, Snapshot
from adapters.stellar.finality.witnesses import Witnesses
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.corroboration import Corroboration
from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import Nodes, get_ledger_range
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion, TransactionWatcher
from adapters.stellar.signing import (
    classic_payments,
    fee_bumps,
    noop_transactions,
    soroban_transfers,
)
from adapters.stellar.signing.fee_bumps import FEE_CAP_STROOPS
from adapters.stellar.signing.keys import Keys, sign_envelope
from domain.errors import ChainUnavailable, Obstructed
from domain.reasons import Reason, ReasonCode
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    SettlementRail,
)
from domain.settlement.envelopes import Envelope, SendAnswer

log = logging.getLogger(__name__)
WATCH_SECONDS = 8.0
ENTRIES_MAX = 200
FROZEN = "the network's validators have frozen"


class Rail:
    """One Stellar network, reached through several RPC nodes."""

    def __init__(
        self,
        nodes: Nodes,
        passphrase: str,
        usdc_issuer: str,
        keys: Keys,
        fee_cap_stroops: int = FEE_CAP_STROOPS,
    ) -> None:
        self.passphrase = passphrase
        self.keys = keys
        self.fee_cap_stroops = fee_cap_stroops
        asset = SdkAsset("USDC", usdc_issuer)
        self.asset = soroban_transfers.Asset(asset, asset.contract_id(passphrase), passphrase)
        self.nodes = nodes
        self.identity = NetworkMonitor(nodes, passphrase)
        self.watch = TransactionWatcher(nodes)
        self.quorum = Quorum(nodes, passphrase)
        self.witnesses = Witnesses(nodes, passphrase)
        self.evidence = Evidence(nodes, passphrase, self.asset)
        self.frozen_keys = FrozenKeys(nodes, self.asset)
        self.memo_requirements = MemoRequirements(nodes)
        self.corroboration = Corroboration(nodes)

    async def close(self) -> None:
        await self.watch.close()
        await self.nodes.close()

    @property
    def channels(self) -> list[str]:
        """
        The channel accounts that may be reserved: this worker has their keys, and they are not known
        to be frozen.
        """
        return [
            address for address in self.keys.channels if not self.frozen_keys.is_frozen(address)
        ]

    async def read_channels(self, *, agreed: bool = False) -> Snapshot:
        """
        Read the channel accounts that exist, and as of which ledger at least.

        By one node's word, never older than a ledger already seen, because a sequence too low is refused;
        with `agreed`, those on which two nodes agree, or one at two ledgers.
        """
        found, ledgers = dict[str, int](), list[int]()
        channels, seen = list(self.keys.channels), self.nodes.highest
        for start in range(0, len(channels), ENTRIES_MAX):
            some = channels[start : start + ENTRIES_MAX]
            snapshot = await (
                read_agreed(self.quorum, some)
                if agreed
                else self.quorum.read_snapshot(some, at_least=seen)
            )
            found |= snapshot.sequences
            ledgers.append(snapshot.ledger)
        return Snapshot(min(ledgers), found)

    async def sign(
        self,
        batch_transfers: Sequence[Transfer],
        rail: SettlementRail,
        channel: str,
        sequence: int,
        times_signed: int,
    ) -> Envelope:
        """
        Sign transfers on a given (channel, sequence), in a fee bump.

        Raises Obstructed when a payee or the treasury must change first, ChainUnavailable when no node
        answers.
        """
        signers = [self._get_channel_key(channel), *self._get_treasury_keys(batch_transfers)]
        await self._refuse_frozen(channel, batch_transfers)
        now = await self.nodes.read_ledger_time()
        if rail is SettlementRail.CLASSIC:
            max_ledger = await self.get_latest_ledger() + soroban_transfers.LEDGERS_TO_LIVE
            inner = classic_payments.draft(
                batch_transfers, self.asset, channel, sequence, max_ledger, now
            )
        else:
            (transfer,) = batch_transfers
            await self.memo_requirements.refuse(batch_transfers)
            inner = soroban_transfers.draft(transfer, self.asset, channel, sequence, now)
            max_ledger = await self._assemble(inner)
        sign_envelope(inner, signers)
        return fee_bumps.wrap(inner, self.keys.fees, times_signed, max_ledger, self.fee_cap_stroops)

    async def sign_noop(
        self, channel: str, sequence: int, times_signed: int, because: Reason
    ) -> Envelope:
        """
        Sign a no-op transaction that uses up a sequence, in a fee bump; only after expired bytes.

        Raises Obstructed when it cannot be signed.
        """
        source = self._get_channel_key(channel)
        await self._refuse_frozen(channel)
        max_ledger = await self.get_latest_ledger() + soroban_transfers.LEDGERS_TO_LIVE
        inner = noop_transactions.draft(
            self.passphrase, channel, sequence, max_ledger, await self.nodes.read_ledger_time()
        )
        sign_envelope(inner, [source])
        cap = self.fee_cap_stroops
        return fee_bumps.wrap(inner, self.keys.fees, times_signed, max_ledger, cap, because)

    def _get_channel_key(self, channel: str) -> Keypair:
        """Return the key of a reserved channel; raises Obstructed when this worker does not have it."""
        key = self.keys.channels.get(channel)
        if key is None:
            reason = (
                f"the settlement worker has no signing seed for channel {channel}; set STELLAR_CHANNELS and "
                "STELLAR_CHANNELS_SEED to what they were when the channel was reserved"
            )
            log.error("ALARM: %s", reason)
            raise Obstructed(reason, ReasonCode.KEY_NOT_HELD)
        return key

    def _get_treasury_keys(self, batch_transfers: Sequence[Transfer]) -> list[Keypair]:
        """Return the treasury keys of transfers; raises Obstructed when this worker does not have one."""
        for why in self.keys.find_unheld(batch_transfers).values():
            raise Obstructed(why.sentence, why.code)
        payers = sorted({transfer.from_address for transfer in batch_transfers})
        return [self.keys.treasuries[payer] for payer in payers]

    async def _refuse_frozen(self, channel: str, batch_transfers: Sequence[Transfer] = ()) -> None:
        """Raise Obstructed when an account is frozen by the validators: no ledger would include it."""
        treasuries = {transfer.from_address for transfer in batch_transfers}
        ours = [channel, self.keys.fees.public_key, *sorted(treasuries)]
        found = await self.frozen_keys.find_frozen(
            [*ours, *(transfer.to_address for transfer in batch_transfers)]
        )
        if not found:
            return
        reason = f"{FROZEN} {found[0]}"
        if found[0] in ours:
            log.error("ALARM: %s, which is ours", reason)
        raise Obstructed(reason, ReasonCode.ACCOUNT_FROZEN)

    async def _assemble(self, inner: TransactionEnvelope) -> int:
        simulation = await self.nodes.ask(lambda server: server.simulate_transaction(inner))
        if simulation.error is not None:
            await self._refuse(inner, results.parse_simulation_error(simulation.error))
        return soroban_transfers.assemble(inner, simulation)

    async def _refuse(self, inner: TransactionEnvelope, trap: results.Trap) -> NoReturn:
        """Raise why a simulated transfer cannot be made; alarm if we must act."""
        meaning = await failure_attribution.attribute_failure(
            self.nodes, self.asset, trap.meaning, inner.to_xdr()
        )
        why = meaning.to_reason(trap.name)
        submissions.log_alarm(meaning, "a transfer cannot be made")
        if meaning.remedy is Remedy.RETRY:
            raise ChainUnavailable(why.sentence)
        raise Obstructed(why.sentence, why.code)

    def raise_bid(self, stored: Envelope) -> Envelope | None:
        """Bid more for a place in a ledger, around the same inner transaction; None at the cap."""
        return fee_bumps.raise_bid(stored, self.keys.fees, self.fee_cap_stroops, self.passphrase)

    async def get_latest_ledger(self) -> int:
        return (await self.nodes.ask(get_ledger_range)).latest_ledger

    async def is_corroborated(self, transaction_hash: str, ledger: int) -> bool:
        return await self.corroboration.is_given(transaction_hash, ledger)

    async def find_obstacles(self, batch_transfers: Sequence[Transfer]) -> dict[int, Reason]:
        """Return, by number, the transfers that cannot be made now, and why."""
        payees = sorted({transfer.to_address for transfer in batch_transfers})
        question = ledger_entries.make_keys(payees, self.asset)
        reply = await self.nodes.ask(lambda server: server.get_ledger_entries(question))
        frozen = await self.frozen_keys.find_frozen(payees)
        found = await self.memo_requirements.find_obstacles(batch_transfers)
        found |= ledger_entries.parse_accounts(reply).find_obstacles(batch_transfers)
        found |= self.keys.find_unheld(batch_transfers)
        return found | {
            transfer.number: Reason(ReasonCode.ACCOUNT_FROZEN, f"{FROZEN} {transfer.to_address}")
            for transfer in batch_transfers
            if transfer.to_address in frozen
        }

    async def send(self, envelope_xdr: str) -> SendAnswer:
        """Send stored bytes, each time to another node; the answer proves nothing."""
        return await submissions.send(self.nodes, envelope_xdr, self.watch.node)

    async def observe(self, attempt: Attempt, hashes: Hashes) -> Observation:
        """
        Watch for an attempt and return what is proven; `hashes` returns all hashes signed for it.

        This takes at most about ten seconds; OPEN means that nothing is proven yet.
        """
        try:
            since_ledger = attempt.max_ledger - soroban_transfers.LEDGERS_TO_LIVE
            with self.watch.expect(attempt.newest_hash, since_ledger) as seen:
                if attempt.resumed:
                    known = await self.quorum.find_inclusion(hashes)
                    if known is not None:
                        return await self._judge(known, attempt, hashes)
                with suppress(TimeoutError):
                    inclusion = await asyncio.wait_for(seen, WATCH_SECONDS)
                    if results.parse(inclusion.result_xdr).is_applied:
                        return await self._judge(inclusion, attempt, hashes)
            found = await observations.prove(self.quorum, attempt, hashes)
            if isinstance(found, Observation):
                return found
            return await self._judge(found, attempt, hashes)
        except Exception as error:
            self.watch.forget(attempt.newest_hash)
            # Its text may quote what was sent.
            return Observation(AttemptOutcome.OPEN, reason=type(error).__name__)

    async def is_expired(self, attempt: Attempt) -> bool:
        """Tell whether stored bytes are proven to have expired, so that new ones may be signed."""
        return (await self.quorum.read_snapshot([attempt.channel])).proves_expiry(attempt)

    async def is_dead(self, attempt: Attempt) -> bool:
        """Tell whether a quorum shows that stored bytes have expired, so that others may take their place elsewhere."""
        return await self.quorum.is_expired_everywhere(attempt)

    async def _judge(
        self, report: LedgerInclusion, attempt: Attempt, hashes: Hashes
    ) -> Observation:
        """Return the outcome of a transaction that one node shows in a ledger, once it is believed."""
        contradict = partial(self.evidence.find_contradiction, attempt.channel, attempt.sequence)
        believed = await self.witnesses.confirm(report, await hashes(), contradict)
        if isinstance(believed, LedgerInclusion):
            return await observations.to_observation(self.nodes, self.asset, believed, attempt)
        self.watch.forget(report.hash)
        self.evidence.forget(report.ledger)
        return Observation(
            *(AttemptOutcome.OPEN, report.ledger),
            reason=believed.sentence,
            reason_code=ReasonCode.NODES_DISAGREE,
        )
