"""
The evidence of one node alone: its events, sequences and balances have to fit what it says.

They come from other tables of the node than its transactions, so a node that is wrong about one of
them shows it here. One that lies everywhere alike is not found out: that takes a second node.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial

from stellar_sdk import scval, xdr
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType, LedgerEntryResult

from adapters.stellar.finality import node_reports
from adapters.stellar.finality.node_reports import SignedTransfer
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.entry_reads import EntryReads
from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes, RpcNode
from adapters.stellar.rpc.shared_reads import SharedReads
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.rpc.transfer_events import encode_symbol, parse_transfer
from adapters.stellar.signing.soroban_transfers import Asset
from domain.accounting.reconciliation import ChainTransfer
from domain.errors import ChainUnavailable

EVENTS_MAX = 10_000
ANY = "*"


class Evidence:
    """Reads from the node of a report what else it knows; without the asset, nothing of balances."""

    def __init__(self, nodes: Nodes, passphrase: str, asset: Asset | None = None) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self.asset = asset
        self._entries = EntryReads(nodes)
        self._events: SharedReads[list[ChainTransfer]] = SharedReads()

    def forget(self, ledger: int) -> None:
        """Read the events of a ledger again, since what was read is in doubt."""
        self._events.forget(ledger)

    async def find_contradiction(self, account: str, sequence: int, report: LedgerInclusion) -> str:
        """
        Return what the node of a report shows that contradicts it; empty if nothing does.

        `account` and `sequence` are those that the transaction consumes. Raises ChainUnavailable
        when the node does not show all of it.
        """
        transfers = node_reports.list_transfers(report.envelope_xdr, self.passphrase)
        entries = await self._read_entries(report, account, transfers)
        return _find_unmoved(entries, report, sequence) or await self._check_events(
            report, transfers
        )

    async def _read_entries(
        self, report: LedgerInclusion, account: str, transfers: Collection[SignedTransfer]
    ) -> list[LedgerEntryResult]:
        """Read the account whose sequence is consumed, and of a success the balances that it moved."""
        assert report.node is not None
        keys = ledger_entries.make_account_keys([account])
        if report.succeeded and self.asset is not None:
            keys += ledger_entries.make_trustline_keys(_list_owners(transfers), self.asset)
        ledger, entries = await self._entries.read(report.node, keys)
        if ledger < report.ledger:
            raise ChainUnavailable(f"{report.node.name} shows no entries of ledger {report.ledger}")
        return entries

    async def _check_events(
        self, report: LedgerInclusion, transfers: Counter[SignedTransfer]
    ) -> str:
        """Check that the events of the ledger have the transfers, or of a failure none of them."""
        shown = Counter[SignedTransfer]()
        for contract, payer in sorted({(each.contract, each.from_address) for each in transfers}):
            for seen in await self._read_events(report, contract, payer):
                made = _to_signed(seen, contract)
                # A failure made none of them, under whatever bid.
                if seen.transaction_hash == report.hash or not report.succeeded:
                    shown[made] += 1
        if report.succeeded:
            return "" if shown == transfers else "shows no events of its transfers"
        return "shows the events of its transfers" if shown & transfers else ""

    async def _read_events(
        self, report: LedgerInclusion, contract: str, payer: str
    ) -> list[ChainTransfer]:
        node, ledger = report.node, report.ledger
        assert node is not None
        read = partial(self._load_events, node, ledger, contract, payer)
        return await self._events.read(node, ledger, (contract, payer), read)

    async def _load_events(
        self, node: RpcNode, ledger: int, contract: str, payer: str
    ) -> list[ChainTransfer]:
        topics = [encode_symbol("transfer"), scval.to_address(payer).to_xdr(), ANY, ANY]
        wanted = EventFilter(type=EventFilterType.CONTRACT, contractIds=[contract], topics=[topics])
        reply = await self.nodes.ask_node(
            node,
            lambda server: server.get_events(ledger, ledger + 1, [wanted], limit=EVENTS_MAX),
            READ_SECONDS,
        )
        if reply.latest_ledger < ledger:
            raise ChainUnavailable(f"{node.name} shows no events of ledger {ledger} yet")
        return [parse_transfer(event, contract) for event in reply.events]


def _find_unmoved(
    entries: Sequence[LedgerEntryResult], report: LedgerInclusion, sequence: int
) -> str:
    """Return which entry has not changed although the report says so; empty if none."""
    for result in entries:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr)
        if entry.account is not None and entry.account.seq_num.sequence_number.int64 < sequence:
            return f"shows the sequence of {ledger_entries.to_address(entry.account.account_id)} unused"
        if entry.trust_line is not None and result.last_modified_ledger < report.ledger:
            owner = ledger_entries.to_address(entry.trust_line.account_id)
            return f"shows that the balance of {owner} has not changed since"
    return ""


def _list_owners(transfers: Collection[SignedTransfer]) -> Sequence[str]:
    """Return the accounts whose balances the transfers move."""
    return sorted({owner for each in transfers for owner in (each.from_address, each.to_address)})


def _to_signed(seen: ChainTransfer, contract: str) -> SignedTransfer:
    return SignedTransfer(
        contract,
        seen.from_address or "",
        seen.to_address or "",
        seen.number,
        seen.amount_stroops,
    )
