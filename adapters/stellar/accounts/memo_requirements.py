"""
Accounts that ask for a memo with each payment (SEP-29), as exchanges do, which credit nobody without one.

The network itself takes a payment without a memo, so that only their own data entry shows it.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from stellar_sdk import Keypair, xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse

from adapters.stellar.rpc.ledger_entries import to_address
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import Obstructed
from domain.reasons import MEMO_REQUIRED, Reason, ReasonCode
from domain.settlement.allocations import Transfer

NAME, VALUE = b"config.memo_required", b"1"
KEYS_MAX = 200
# Payees seldom change it, so that one read serves their payments for a while.
FRESH_SECONDS = 60.0
KNOWN_MAX = 10_000


def make_memo_keys(addresses: Sequence[str]) -> list[xdr.LedgerKey]:
    """Return the ledger keys of the data entries by which accounts ask for a memo."""
    return [
        xdr.LedgerKey(
            xdr.LedgerEntryType.DATA,
            data=xdr.LedgerKeyData(
                Keypair.from_public_key(address).xdr_account_id(), xdr.String64(NAME)
            ),
        )
        for address in addresses
    ]


def parse_memo_requirements(reply: GetLedgerEntriesResponse) -> set[str]:
    """Return the accounts that ask for a memo, from a getLedgerEntries response."""
    entries = [xdr.LedgerEntryData.from_xdr(result.xdr).data for result in reply.entries or []]
    return {
        to_address(entry.account_id)
        for entry in entries
        if entry is not None
        and entry.data_name.string64 == NAME
        and entry.data_value.data_value == VALUE
    }


class MemoRequirements:
    def __init__(self, nodes: Nodes, clock: Callable[[], float] = time.monotonic) -> None:
        self.nodes = nodes
        self.clock = clock
        # When an account was seen not to ask for a memo; a refusal is never based on an old read.
        self._free = dict[str, float]()

    async def find_obstacles(self, transfers: Iterable[Transfer]) -> dict[int, Reason]:
        """Return, by number, the transfers to accounts that ask for a memo."""
        wanted = list(transfers)
        found = await self._find({transfer.to_address for transfer in wanted})
        return {
            transfer.number: Reason(
                ReasonCode.PAYEE_REQUIRES_MEMO, f"{transfer.to_address}: {MEMO_REQUIRED}"
            )
            for transfer in wanted
            if transfer.to_address in found
        }

    async def refuse(self, transfers: Iterable[Transfer]) -> None:
        """Raise Obstructed when a payee asks for a memo."""
        for reason in (await self.find_obstacles(transfers)).values():
            raise Obstructed(reason.sentence, reason.code)

    async def _find(self, addresses: set[str]) -> set[str]:
        now, found = self.clock(), set[str]()
        since = now - FRESH_SECONDS
        asked = sorted(each for each in addresses if self._free.get(each, since) <= since)
        for start in range(0, len(asked), KEYS_MAX):
            some = asked[start : start + KEYS_MAX]
            found |= parse_memo_requirements(await self._read(make_memo_keys(some)))
            if len(self._free) > KNOWN_MAX:
                self._free.clear()
            self._free |= dict.fromkeys(set(some) - found, now)
        return found

    async def _read(self, question: list[xdr.LedgerKey]) -> GetLedgerEntriesResponse:
        return await self.nodes.ask(lambda server: server.get_ledger_entries(question))
