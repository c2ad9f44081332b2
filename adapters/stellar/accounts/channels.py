"""
The channel accounts on the network: their states, and how missing ones are created.

They hold no money: the operator sponsors their reserves (CAP-33), and the fee account pays for creating
them. Each channel key signs once to accept the sponsorship, so a transaction creates as many as it has
room for signatures. The network refuses to create an account that exists: nothing is done twice.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from stellar_sdk import Account, Keypair, TransactionBuilder, TransactionEnvelope, xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.soroban_rpc import SendTransactionStatus as Status
from stellar_sdk.soroban_server_async import SorobanServerAsync
from stellar_sdk.xdr import TransactionResultCode as Code

from adapters.stellar.codes import operation_codes, results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.codes.transaction_codes import TRANSACTIONS
from adapters.stellar.finality.quorum import Quorum
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes, get_ledger_range
from adapters.stellar.signing import fee_bumps
from adapters.stellar.signing.keys import Keys
from adapters.stellar.signing.soroban_transfers import BACKSTOP, LEDGERS_TO_LIVE, MIN_FEE
from domain.errors import ChainUnavailable, Obstructed
from domain.settlement.channels import find_missing

# An envelope carries 20 signatures; one of them is the operator's.
AT_ONCE_MAX = 19
ENTRIES_MAX = 200
LOOK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
# A node keeps a transaction in its queue for this many ledgers.
AGAIN_AFTER_LEDGERS = 5


@dataclass(frozen=True, slots=True)
class ChannelAccountState:
    """The state of an account on the network."""

    sequence: int
    balance_stroops: int
    sponsored: bool


async def read_states(nodes: Nodes, addresses: Sequence[str]) -> dict[str, ChannelAccountState]:
    """Return the states of those accounts that exist, not from a ledger older than one seen before."""
    found: dict[str, ChannelAccountState] = {}
    seen = nodes.highest
    for start in range(0, len(addresses), ENTRIES_MAX):
        question = ledger_entries.make_account_keys(addresses[start : start + ENTRIES_MAX])
        reply = await nodes.ask(partial(_get_entries, question), at_least=seen)
        for result in reply.entries or []:
            entry = xdr.LedgerEntryData.from_xdr(result.xdr).account
            assert entry is not None
            found[ledger_entries.to_address(entry.account_id)] = _to_state(entry)
    return found


class ChannelAccounts:
    def __init__(self, nodes: Nodes, passphrase: str, keys: Keys, fee_cap_stroops: int) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self.keys = keys
        self.fee_cap_stroops = fee_cap_stroops

    async def read_states(self, addresses: Sequence[str]) -> dict[str, ChannelAccountState]:
        return await read_states(self.nodes, addresses)

    async def create(self) -> AsyncIterator[list[str]]:
        """Create the missing accounts; yield the addresses that were created, until none is missing."""
        wanted = list(self.keys.channels)
        end = time.monotonic() + PATIENCE_SECONDS
        while absent := find_missing(wanted, list(await self.read_states(wanted))):
            if time.monotonic() > end:
                raise ChainUnavailable(f"{len(absent)} accounts are still missing; run it again")
            some = absent[:AT_ONCE_MAX]
            await self._create(some)
            made = await self.read_states(some)
            if made:
                yield [address for address in some if address in made]

    async def _create(self, addresses: Sequence[str]) -> None:
        """Send one transaction, and wait until its sequence is consumed or it can land no more."""
        operator = self.keys.operator.public_key
        latest = (await self.nodes.ask(get_ledger_range)).latest_ledger
        standing = (await self.read_states([operator])).get(operator)
        if standing is None:
            raise Obstructed(f"the operator's account {operator} does not exist")
        sequence, max_ledger = standing.sequence + 1, latest + LEDGERS_TO_LIVE
        inner = self._draft(addresses, sequence, max_ledger, await self.nodes.read_ledger_time())
        envelope = fee_bumps.wrap(inner, self.keys.fees, 0, max_ledger, self.fee_cap_stroops)
        proofs = Quorum(self.nodes, self.passphrase)
        send_at = latest
        while True:
            snapshot = await proofs.read_snapshot([operator])
            if snapshot.sequences.get(operator, 0) >= sequence:
                break
            if snapshot.ledger >= max_ledger - 1:
                return
            if snapshot.ledger >= send_at:
                send_at = snapshot.ledger + await self._send(envelope.xdr)
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        found = await proofs.find_inclusion(lambda: _list_hash(envelope.inner_hash))
        if found is not None and not found.succeeded:
            _refuse(results.parse(found.result_xdr))

    def _draft(
        self, addresses: Sequence[str], sequence: int, max_ledger: int, now: datetime
    ) -> TransactionEnvelope:
        operator = self.keys.operator
        source = Account(operator.public_key, sequence - 1)
        builder = TransactionBuilder(source, self.passphrase, MIN_FEE)
        for address in addresses:
            builder.append_begin_sponsoring_future_reserves_op(address)
            builder.append_create_account_op(address, "0")
            builder.append_end_sponsoring_future_reserves_op(source=address)
        builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
        inner = builder.set_ledger_bounds(0, max_ledger).build()
        signers: list[Keypair] = [operator, *(self.keys.channels[each] for each in addresses)]
        for signer in signers:
            inner.sign(signer)
        return inner

    async def _send(self, envelope_xdr: str) -> int:
        """
        Send, and return for how many ledgers to wait before it is sent again.

        Raises Obstructed at once when the answer names something that we must repair first.
        """
        try:
            response = await self.nodes.send(envelope_xdr)
        except Exception:
            return 0  # unknown; what the ledger shows decides
        if response.error_result_xdr is not None:
            result = results.parse(response.error_result_xdr)
            if results.get_meaning(result).remedy is Remedy.PAGE:
                _refuse(result)
        taken = response.status in (Status.PENDING, Status.DUPLICATE)
        return AGAIN_AFTER_LEDGERS if taken else 1


def _refuse(result: results.TransactionResult) -> None:
    """Raise Obstructed for a code that only we can repair; that accounts exist already is no error."""
    codes = [code for code in result.operation_codes if code.value]
    found = [operation_codes.get_meaning(code) for code in codes]
    if result.code is not Code.txFAILED:
        found.append(TRANSACTIONS[result.code])
    for meaning in found:
        if meaning.remedy is Remedy.PAGE:
            raise Obstructed(f"{meaning.sentence} ({results.format_codes(result)})")


async def _get_entries(
    question: list[xdr.LedgerKey], server: SorobanServerAsync
) -> GetLedgerEntriesResponse:
    return await server.get_ledger_entries(question)


async def _list_hash(hash_: str) -> list[str]:
    return [hash_]


def _to_state(entry: xdr.AccountEntry) -> ChannelAccountState:
    first = entry.ext.v1
    second = first.ext.v2 if first else None
    sponsored = second is not None and second.num_sponsored.uint32 > 0
    return ChannelAccountState(entry.seq_num.sequence_number.int64, entry.balance.int64, sponsored)
