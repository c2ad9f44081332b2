"""Ledger entries of accounts and trustlines: the keys to ask for, and what getLedgerEntries returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stellar_sdk import Keypair, StrKey, xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.xdr import PaymentResultCode as Code

from adapters.stellar.codes.operation_codes import get_meaning
from adapters.stellar.signing.soroban_transfers import Asset
from domain.reasons import Reason
from domain.settlement.allocations import Transfer


@dataclass(frozen=True, slots=True)
class TrustlineState:
    """A trustline's free room and spendable balance in stroops, and whether the issuer authorised it."""

    room_stroops: int
    spendable_stroops: int
    authorised: bool


@dataclass(frozen=True, slots=True)
class AccountEntries:
    """Accounts that exist, and their trustlines for the asset, as of one ledger."""

    ledger: int
    accounts: frozenset[str]
    lines: Mapping[str, TrustlineState]

    def find_obstacles(self, transfers: Sequence[Transfer]) -> dict[int, Reason]:
        """Return, by number, why transfers cannot be made; those that can be made are left out."""
        found = {}
        room = {address: line.room_stroops for address, line in self.lines.items()}
        for transfer in transfers:
            payee = transfer.to_address
            if payee not in self.accounts:
                code = Code.PAYMENT_NO_DESTINATION
            elif payee not in self.lines:
                code = Code.PAYMENT_NO_TRUST
            elif not self.lines[payee].authorised:
                code = Code.PAYMENT_NOT_AUTHORIZED
            elif room[payee] < transfer.amount_stroops:
                code = Code.PAYMENT_LINE_FULL
            else:
                room[payee] -= transfer.amount_stroops
                continue
            found[transfer.number] = Reason(
                get_meaning(code).reason_code, get_meaning(code).sentence
            )
        return found


def make_keys(addresses: Sequence[str], asset: Asset) -> list[xdr.LedgerKey]:
    """Return the ledger keys of accounts and of their trustlines for the asset."""
    pairs = zip(make_account_keys(addresses), make_trustline_keys(addresses, asset), strict=True)
    return [key for pair in pairs for key in pair]


def make_trustline_keys(addresses: Sequence[str], asset: Asset) -> list[xdr.LedgerKey]:
    """Return the ledger keys of the trustlines of accounts for the asset."""
    line = asset.classic.to_trust_line_asset_xdr_object()
    return [
        xdr.LedgerKey(
            xdr.LedgerEntryType.TRUSTLINE,
            trust_line=xdr.LedgerKeyTrustLine(
                Keypair.from_public_key(address).xdr_account_id(), line
            ),
        )
        for address in addresses
    ]


def parse_accounts(reply: GetLedgerEntriesResponse) -> AccountEntries:
    """Parse accounts and trustlines from a getLedgerEntries response."""
    accounts, lines = set(), {}
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr)
        if entry.account is not None:
            accounts.add(to_address(entry.account.account_id))
        elif entry.trust_line is not None:
            lines[to_address(entry.trust_line.account_id)] = _to_trustline(entry.trust_line)
    return AccountEntries(reply.latest_ledger, frozenset(accounts), lines)


def parse_holdings(reply: GetLedgerEntriesResponse) -> tuple[int | None, int | None]:
    """Return what one account holds: of the network's own coin, and on its trustline for the asset."""
    native, balance = None, None
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr)
        if entry.account is not None:
            native = entry.account.balance.int64
        elif entry.trust_line is not None:
            balance = entry.trust_line.balance.int64
    return native, balance


def _to_trustline(entry: xdr.TrustLineEntry) -> TrustlineState:
    liabilities = entry.ext.v1.liabilities if entry.ext.v1 else None
    buying = liabilities.buying.int64 if liabilities else 0
    selling = liabilities.selling.int64 if liabilities else 0
    room = entry.limit.int64 - entry.balance.int64 - buying
    authorised = entry.flags.uint32 & xdr.TrustLineFlags.AUTHORIZED_FLAG.value
    return TrustlineState(room, entry.balance.int64 - selling, bool(authorised))


def to_address(account: xdr.AccountID) -> str:
    """Return the address (G...) of an account id."""
    assert account.account_id.ed25519 is not None
    return StrKey.encode_ed25519_public_key(account.account_id.ed25519.uint256)


def make_account_keys(addresses: Sequence[str]) -> list[xdr.LedgerKey]:
    """Return the ledger keys of accounts."""
    return [
        xdr.LedgerKey(
            xdr.LedgerEntryType.ACCOUNT,
            account=xdr.LedgerKeyAccount(Keypair.from_public_key(address).xdr_account_id()),
        )
        for address in addresses
    ]
