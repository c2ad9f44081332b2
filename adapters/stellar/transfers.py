"""Build and sign one transfer of the asset: a SAC `transfer`, muxed to carry the payment number."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stellar_sdk import (
    Account,
    Keypair,
    MuxedAccount,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.soroban_rpc import SimulateTransactionResponse

from adapters.stellar.results import obstacle
from domain.attempts import Envelope
from domain.errors import Obstructed
from domain.payments import Payment

# Long enough for a slow network, short enough that a dead attempt is soon proven dead.
LEDGERS_TO_LIVE = 24
# Ledger bounds decide; the time bound only matters when the network stands still.
BACKSTOP = timedelta(minutes=10)
INCLUSION_FEE, INCLUSION_FEE_MAX = 1_000, 256_000
FEE_MAX = 50_000_000  # 5 XLM: a transfer costs a thousandth of it, so more is an error


@dataclass(frozen=True, slots=True)
class Asset:
    contract: str
    passphrase: str


def draft(
    payment: Payment, asset: Asset, channel: str, sequence: int, times_signed: int, now: datetime
) -> TransactionEnvelope:
    """
    Build the unsigned transfer: the channel gives sequence and fee, the treasury the money.

    A later signature for the same sequence bids more for its place in a ledger.
    """
    if not 0 < payment.number < 2**63:
        raise Obstructed(f"payment number {payment.number} does not fit a muxed id")
    destination = MuxedAccount(payment.to_address, payment.number).account_muxed
    assert destination is not None
    fee = min(INCLUSION_FEE * 2**times_signed, INCLUSION_FEE_MAX)
    builder = TransactionBuilder(Account(channel, sequence - 1), asset.passphrase, base_fee=fee)
    builder.append_invoke_contract_function_op(
        asset.contract,
        "transfer",
        [
            scval.to_address(payment.from_address),
            scval.to_address(destination),
            scval.to_int128(payment.amount_stroops),
        ],
        source=payment.from_address,
    )
    builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
    # Simulation answers the ledger that the real bound is counted from.
    builder.set_ledger_bounds(0, 0)
    return builder.build()


def assemble(drafted: TransactionEnvelope, simulation: SimulateTransactionResponse) -> int:
    """Put footprint, fees, authorisation and ledger bound into a draft; return the bound."""
    if simulation.error is not None:
        raise Obstructed(obstacle(simulation.error))
    if simulation.transaction_data is None or simulation.min_resource_fee is None:
        raise Obstructed("the network's simulation named no resources")
    transaction = drafted.transaction
    transaction.soroban_data = xdr.SorobanTransactionData.from_xdr(simulation.transaction_data)
    transaction.fee += simulation.min_resource_fee
    if transaction.fee > FEE_MAX:
        raise Obstructed(f"the network asks a fee of {transaction.fee} stroops for one transfer")
    operation = transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    for result in simulation.results or []:
        operation.auth = [
            xdr.SorobanAuthorizationEntry.from_xdr(entry) for entry in result.auth or []
        ]
    max_ledger = simulation.latest_ledger + LEDGERS_TO_LIVE
    assert transaction.preconditions is not None
    assert transaction.preconditions.ledger_bounds is not None
    transaction.preconditions.ledger_bounds.max_ledger = max_ledger
    return max_ledger


def sign(drafted: TransactionEnvelope, max_ledger: int, *signers: Keypair) -> Envelope:
    """Sign; the hash and the bytes are final from here on."""
    for signer in signers:
        drafted.sign(signer)
    return Envelope(drafted.hash_hex(), drafted.to_xdr(), int(drafted.transaction.fee), max_ledger)
