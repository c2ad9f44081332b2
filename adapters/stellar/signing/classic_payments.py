"""
The classic rail: up to a hundred payment operations in one transaction.

Such a transaction is all or nothing, but a failed one tells of every operation that could not be
applied: those are removed together, and the rest is tried once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from stellar_sdk import Account, Keypair, StrKey, TransactionBuilder, TransactionEnvelope, xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.xdr import PaymentResultCode as Code

from adapters.stellar.codes.operation_codes import get_meaning
from adapters.stellar.signing.soroban_transfers import (
    BACKSTOP,
    MIN_FEE,
    Asset,
    make_muxed_address,
)
from domain.money import format_amount
from domain.reasons import Reason
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import FailedOperation


def draft(
    transfers: Sequence[Transfer],
    asset: Asset,
    channel: str,
    sequence: int,
    max_ledger: int,
    now: datetime,
) -> TransactionEnvelope:
    """Build the unsigned batch: an operation for each transfer, in their order."""
    builder = TransactionBuilder(Account(channel, sequence - 1), asset.passphrase, MIN_FEE)
    for transfer in transfers:
        builder.append_payment_op(
            make_muxed_address(transfer),
            asset.classic,
            format_amount(transfer.amount_stroops),
            source=transfer.from_address,
        )
    builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
    builder.set_ledger_bounds(0, max_ledger)
    return builder.build()


def list_failed_operations(result_xdr: str) -> list[FailedOperation]:
    """Return every operation of a failed batch that could not be applied, with its code."""
    result = xdr.TransactionResult.from_xdr(result_xdr).result
    if result.inner_result_pair is not None:
        operations = result.inner_result_pair.result.result.results
    else:
        operations = result.results
    found = []
    for index, operation in enumerate(operations or []):
        paid = operation.tr.payment_result if operation.tr else None
        code = operation.code if paid is None else paid.code
        if code.value:  # success is 0 in both enumerations
            found.append(FailedOperation(index, get_meaning(code).to_reason(code.name)))
    return found


@dataclass(frozen=True, slots=True)
class TrustlineState:
    """What a trustline has room for and what is on it, and whether the issuer allows its use."""

    room_stroops: int
    spendable_stroops: int
    authorised: bool


@dataclass(frozen=True, slots=True)
class AccountEntries:
    """Accounts and trustlines of payees, as of one ledger."""

    ledger: int
    accounts: frozenset[str]
    lines: Mapping[str, TrustlineState]

    def find_obstacles(self, transfers: Sequence[Transfer]) -> dict[int, Reason]:
        """Say for each transfer, by number, why it cannot be made; nothing for those that can."""
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


def make_keys(payees: Sequence[str], asset: Asset) -> list[xdr.LedgerKey]:
    """Return what to ask the network about payees: an account and a trustline each."""
    line = asset.classic.to_trust_line_asset_xdr_object()
    keys = []
    for address in payees:
        account = Keypair.from_public_key(address).xdr_account_id()
        keys.append(
            xdr.LedgerKey(xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account))
        )
        keys.append(
            xdr.LedgerKey(
                xdr.LedgerEntryType.TRUSTLINE, trust_line=xdr.LedgerKeyTrustLine(account, line)
            )
        )
    return keys


def parse_accounts(reply: GetLedgerEntriesResponse) -> AccountEntries:
    """Read what the network said about payees."""
    accounts, lines = set(), {}
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr)
        if entry.account is not None:
            accounts.add(_to_address(entry.account.account_id))
        elif entry.trust_line is not None:
            lines[_to_address(entry.trust_line.account_id)] = _to_trustline(entry.trust_line)
    return AccountEntries(reply.latest_ledger, frozenset(accounts), lines)


def _to_trustline(entry: xdr.TrustLineEntry) -> TrustlineState:
    liabilities = entry.ext.v1.liabilities if entry.ext.v1 else None
    buying = liabilities.buying.int64 if liabilities else 0
    selling = liabilities.selling.int64 if liabilities else 0
    room = entry.limit.int64 - entry.balance.int64 - buying
    authorised = entry.flags.uint32 & xdr.TrustLineFlags.AUTHORIZED_FLAG.value
    return TrustlineState(room, entry.balance.int64 - selling, bool(authorised))


def _to_address(account: xdr.AccountID) -> str:
    assert account.account_id.ed25519 is not None
    return StrKey.encode_ed25519_public_key(account.account_id.ed25519.uint256)
