"""
The claim of the channel accounts on the chain: a data entry of the fee account.

Nothing else uses that account's sequence, so a claim replaces exactly the one that was read with it: of
two that were signed for the same sequence, one is applied.
"""

import asyncio
from datetime import UTC, datetime

from stellar_sdk import Account, TransactionBuilder, xdr
from stellar_sdk.soroban_rpc import SendTransactionStatus as Status

from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing import fee_bumps
from adapters.stellar.signing.keys import Keys
from adapters.stellar.signing.soroban_transfers import BACKSTOP, MIN_FEE
from domain.errors import ChainUnavailable
from domain.settlement.channels import Claim, StandingClaim
from domain.settlement.envelopes import Envelope

NAME = "apexchainx.installation"
# A claim that is in none of so many ledgers is signed anew, and bids more.
LEDGERS_TO_LAND = 6
# A node keeps a transaction in its queue for some ledgers.
AGAIN_AFTER_LEDGERS = 3
# Signatures wait for claims, so that they bid more than other transactions do.
FIRST_BID = 6


class ClaimAccount:
    """Reads and writes the claim; `look_seconds` is the pause between two looks for a sent one."""

    def __init__(
        self, nodes: Nodes, passphrase: str, keys: Keys, fee_cap_stroops: int, look_seconds: float
    ) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self.keys = keys
        self.fee_cap_stroops = fee_cap_stroops
        self.look_seconds = look_seconds

    @property
    def address(self) -> str:
        return self.keys.fees.public_key

    async def read(self) -> StandingClaim:
        """
        Read the claim that stands, not from a ledger older than one seen before.

        Raises ChainUnavailable when no node answers, or the account does not exist.
        """
        account = self.keys.fees.xdr_account_id()
        data = xdr.LedgerKeyData(account, xdr.String64(NAME.encode()))
        question = [
            *ledger_entries.make_account_keys([self.address]),
            xdr.LedgerKey(xdr.LedgerEntryType.DATA, data=data),
        ]
        reply = await self.nodes.ask(
            lambda server: server.get_ledger_entries(question), at_least=self.nodes.highest
        )
        sequence, claim, since = None, None, 0
        for result in reply.entries or []:
            entry = xdr.LedgerEntryData.from_xdr(result.xdr)
            if entry.account is not None:
                sequence = entry.account.seq_num.sequence_number.int64
            elif entry.data is not None:
                claim = Claim.parse(entry.data.data_value.data_value)
                since = result.last_modified_ledger or 0
        if sequence is None:
            raise ChainUnavailable(f"the fee account {self.address} does not exist")
        return StandingClaim(reply.latest_ledger, sequence, claim, since)

    async def write(self, claim: Claim, over: StandingClaim, tries: int) -> StandingClaim:
        """
        Write a claim over the one that was read, and return what stands when the sequence is consumed or
        the bytes have expired: this claim, or another.

        Raises ChainUnavailable, Obstructed.
        """
        envelope, sequence, send_at = self._sign(claim, over, tries), over.sequence + 1, over.ledger
        while True:
            standing = await self.read()
            if standing.sequence >= sequence or standing.ledger >= envelope.max_ledger - 1:
                return standing
            if standing.ledger >= send_at:
                send_at = standing.ledger + await self._send(envelope.xdr)
            await asyncio.sleep(self.look_seconds)

    def _sign(self, claim: Claim, over: StandingClaim, tries: int) -> Envelope:
        source, max_ledger = Account(self.address, over.sequence), over.ledger + LEDGERS_TO_LAND
        builder = TransactionBuilder(source, self.passphrase, MIN_FEE)
        builder.append_manage_data_op(NAME, claim.to_bytes())
        builder.add_time_bounds(0, int((datetime.now(UTC) + BACKSTOP).timestamp()))
        inner = builder.set_ledger_bounds(0, max_ledger).build()
        inner.sign(self.keys.fees)
        return fee_bumps.wrap(
            inner, self.keys.fees, FIRST_BID + tries, max_ledger, self.fee_cap_stroops
        )

    async def _send(self, envelope_xdr: str) -> int:
        """Send, and return for how many ledgers to wait before it is sent again."""
        try:
            response = await self.nodes.send(envelope_xdr)
        except Exception:
            return 0  # unknown; what the ledger shows decides
        taken = response.status in (Status.PENDING, Status.DUPLICATE)
        return AGAIN_AFTER_LEDGERS if taken else 1
