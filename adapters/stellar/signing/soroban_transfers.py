"""The soroban rail: one SAC `transfer` a transaction, muxed to carry the payment's number."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stellar_sdk import (
    Account,
    MuxedAccount,
    StrKey,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk import Asset as SdkAsset
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.soroban_rpc import SimulateTransactionResponse

from adapters.stellar.codes.results import parse_simulation_error
from domain.errors import Obstructed
from domain.reasons import ReasonCode
from domain.settlement.allocations import Transfer

# Long enough for a slow network, short enough that expired bytes are soon proven to have expired.
LEDGERS_TO_LIVE = 24
# Ledger bounds decide; the time bound only matters when the network stands still.
BACKSTOP = timedelta(minutes=10)
MIN_FEE = 100  # stroops, of the inner transaction; the fee bump around it has the bid


@dataclass(frozen=True, slots=True)
class Asset:
    """The asset of payments: a classic asset, and its Stellar Asset Contract (CAP-46-6)."""

    classic: SdkAsset
    contract: str
    passphrase: str


def draft(
    transfer: Transfer, asset: Asset, channel: str, sequence: int, now: datetime
) -> TransactionEnvelope:
    """Build the unsigned transfer: the sequence is the channel's, the money the treasury's."""
    builder = TransactionBuilder(Account(channel, sequence - 1), asset.passphrase, MIN_FEE)
    builder.append_invoke_contract_function_op(
        asset.contract,
        "transfer",
        [
            scval.to_address(transfer.from_address),
            scval.to_address(make_muxed_address(transfer)),
            scval.to_int128(transfer.amount_stroops),
        ],
        source=transfer.from_address,
    )
    builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
    # `assemble` sets the real bound, counted from the ledger of the simulation.
    builder.set_ledger_bounds(0, 0)
    return builder.build()


def assemble(drafted: TransactionEnvelope, simulation: SimulateTransactionResponse) -> int:
    """Put footprint, fees, authorisation and ledger bound of a simulation into a draft; return the bound."""
    if simulation.error is not None:
        refused = parse_simulation_error(simulation.error)
        why = refused.meaning.to_reason(refused.name)
        raise Obstructed(why.sentence, why.code)
    if simulation.transaction_data is None or simulation.min_resource_fee is None:
        raise Obstructed("the network's simulation returned no resources")
    transaction = drafted.transaction
    transaction.soroban_data = xdr.SorobanTransactionData.from_xdr(simulation.transaction_data)
    transaction.fee += simulation.min_resource_fee
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


def make_muxed_address(transfer: Transfer) -> str:
    """Return the payee's address muxed with the transfer's number, which joins chain and journal."""
    if not StrKey.is_valid_ed25519_public_key(transfer.to_address):
        raise Obstructed(
            f"{transfer.to_address!r} is not a Stellar account", ReasonCode.PAYEE_INVALID
        )
    if not 0 < transfer.number < 2**63:
        raise Obstructed(f"payment number {transfer.number} does not fit a muxed id")
    destination = MuxedAccount(transfer.to_address, transfer.number).account_muxed
    assert destination is not None
    return destination
