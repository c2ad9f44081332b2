"""A report: what one node says became of a transaction of ours, and whether it can be true at all."""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from stellar_sdk import (
    Keypair,
    MuxedAccount,
    StrKey,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.exceptions import BadSignatureError
from stellar_sdk.operation import BumpSequence, InvokeHostFunction, Operation, Payment
from stellar_sdk.soroban_rpc import GetTransactionResponse, GetTransactionStatus
from stellar_sdk.xdr import TransactionResultCode as Code

from adapters.stellar.codes import results
from adapters.stellar.rpc.nodes import RpcNode
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing import fee_bumps


@dataclass(frozen=True, slots=True)
class ShownEnvelope:
    """What a node shows as signed: its hash, and the transaction inside its fee bump, if it has one."""

    inner: TransactionEnvelope
    hash: str
    inner_hash: str


@dataclass(frozen=True, slots=True)
class SignedTransfer:
    """One transfer that an envelope asks for; `contract` is that of its asset, amounts are stroops."""

    contract: str
    from_address: str
    to_address: str
    number: int | None
    amount_stroops: int


def parse_lookup(found: GetTransactionResponse, node: RpcNode, passphrase: str) -> LedgerInclusion:
    """Return the report in the answer to a lookup that has found its transaction."""
    envelope_xdr = found.envelope_xdr or ""
    return LedgerInclusion(
        # A node that is asked by the inner hash answers with that hash.
        _parse_envelope(envelope_xdr, passphrase).hash,
        found.status is GetTransactionStatus.SUCCESS,
        found.result_xdr or "",
        found.ledger or 0,
        found.create_at or 0,
        tuple(found.diagnostic_events_xdr or ()),
        envelope_xdr,
        node,
    )


def get_verdict(report: LedgerInclusion) -> tuple[str, bool, str, int, int]:
    """Return what two nodes have to agree on; diagnostic events are kept by some and not by others."""
    return (
        report.hash,
        report.succeeded,
        report.result_xdr,
        report.ledger,
        report.closed_at_seconds,
    )


def find_flaw(report: LedgerInclusion, signed: Collection[str], passphrase: str) -> str:
    """Return what makes a report untrue by itself, about the hashes we signed; empty if nothing does."""
    try:
        shown = _parse_envelope(report.envelope_xdr, passphrase)
        result = results.parse(report.result_xdr)
        result_hash = _get_inner_hash(report.result_xdr)
    except Exception:
        return "shows a result or an envelope that cannot be read"
    if shown.inner_hash not in signed or shown.hash != report.hash:
        return "shows another transaction under the hash of ours"
    if result_hash not in (None, shown.inner_hash):
        return "shows the result of another transaction"
    if report.succeeded is not (result.code is Code.txSUCCESS):
        status = "SUCCESS" if report.succeeded else "FAILED"
        return f"says {status} and shows the result {result.code.name}"
    operations = shown.inner.transaction.operations
    noop = all(isinstance(each, BumpSequence) for each in operations)
    if report.succeeded and result.is_noop is not noop:
        return "shows the result of other operations"
    return ""


def list_transfers(envelope_xdr: str, passphrase: str) -> Counter[SignedTransfer]:
    """Return the transfers that an envelope asks for, each as often as it does."""
    operations = _parse_envelope(envelope_xdr, passphrase).inner.transaction.operations
    found = [_parse_transfer(each, passphrase) for each in operations]
    return Counter(transfer for transfer in found if transfer is not None)


def parse_use(envelope_xdr: str, transaction_hash: str, passphrase: str) -> tuple[str, int] | None:
    """
    Return the account and the sequence that a transaction uses up; None when these are not its bytes, or are not
    signed by that account: no node can make such bytes up.
    """
    try:
        shown = _parse_envelope(envelope_xdr, passphrase)
    except Exception:
        return None
    account = shown.inner.transaction.source.account_id
    if transaction_hash not in (shown.hash, shown.inner_hash):
        return None
    for decorated in shown.inner.signatures:
        with suppress(BadSignatureError):
            Keypair.from_public_key(account).verify(
                bytes.fromhex(shown.inner_hash), decorated.signature
            )
            return account, shown.inner.transaction.sequence
    return None


# What one node shows is shown by the next one, too; nobody changes what is returned.
@lru_cache(maxsize=64)
def _parse_envelope(envelope_xdr: str, passphrase: str) -> ShownEnvelope:
    """Parse an envelope, and the one inside its fee bump; to hash them costs as much."""
    shown, hash_ = xdr.TransactionEnvelope.from_xdr(envelope_xdr), ""
    if shown.fee_bump is not None:
        hash_ = fee_bumps.hash_fee_bump(shown.fee_bump.tx, passphrase).hex()
        inner_tx = shown.fee_bump.tx.inner_tx
        shown = xdr.TransactionEnvelope(inner_tx.type, v1=inner_tx.v1)
    inner = TransactionEnvelope.from_xdr_object(shown, passphrase)
    inner_hash = inner.hash_hex()
    return ShownEnvelope(inner, hash_ or inner_hash, inner_hash)


@lru_cache(maxsize=64)
def _get_inner_hash(result_xdr: str) -> str | None:
    """Return the hash of the transaction inside a fee bump that a result is of; None where it is of no fee bump."""
    pair = xdr.TransactionResult.from_xdr(result_xdr).result.inner_result_pair
    return None if pair is None else pair.transaction_hash.hash.hex()


def _parse_transfer(operation: Operation, passphrase: str) -> SignedTransfer | None:
    if isinstance(operation, Payment) and operation.source is not None:
        payee = operation.destination
        return SignedTransfer(
            operation.asset.contract_id(passphrase),
            operation.source.account_id,
            payee.account_id,
            payee.account_muxed_id,
            Operation.to_xdr_amount(operation.amount),
        )
    if not isinstance(operation, InvokeHostFunction):
        return None
    call = operation.host_function.invoke_contract
    if call is None or call.function_name.sc_symbol != b"transfer" or len(call.args) != 3:
        return None
    contract = call.contract_address.contract_id
    assert contract is not None
    payer, receiver, amount = call.args
    to_address, number = _parse_account(receiver)
    return SignedTransfer(
        StrKey.encode_contract(contract.contract_id.hash),
        _parse_account(payer)[0],
        to_address,
        number,
        scval.from_int128(amount),
    )


def _parse_account(value: xdr.SCVal) -> tuple[str, int | None]:
    address = scval.from_address(value).address
    if StrKey.is_valid_med25519_public_key(address):
        muxed = MuxedAccount.from_account(address)
        return muxed.account_id, muxed.account_muxed_id
    return address, None
