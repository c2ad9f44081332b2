"""Reads a transfer back out of what the chain says of a transaction. Slow to load, for the Stellar SDK."""

from dataclasses import dataclass
from typing import Any

from stellar_sdk import Address, scval, xdr
from stellar_sdk.helpers import parse_transaction_envelope_from_xdr


@dataclass(frozen=True)
class DecodedTransfer:
    payer: str
    payee: str
    amount_stroops: int


def compute_fingerprint(envelope: str, passphrase: str) -> str:
    """The hash of a signed transaction, computed from its bytes: of the whole, where another account pays its fee."""
    return parse_transaction_envelope_from_xdr(envelope, passphrase).hash_hex()


def list_transfers(found: dict[str, Any]) -> list[DecodedTransfer]:
    """Every transfer that the transaction really made, from the events of its execution."""
    events = [
        xdr.ContractEvent.from_xdr(text)
        for operation in found.get("events", {}).get("contractEventsXdr", [])
        for text in operation
    ]
    return [each for each in map(_transfer, events) if each]


def _transfer(event: xdr.ContractEvent) -> DecodedTransfer | None:
    assert event.body.v0 is not None
    topics = [scval.to_native(topic) for topic in event.body.v0.topics]
    data = scval.to_native(event.body.v0.data)
    # A payee with a number of its own (a muxed account) makes the data a map.
    amount = data.get("amount") if isinstance(data, dict) else data
    if len(topics) < 3 or topics[0] != "transfer" or not isinstance(amount, int):
        return None
    payer, payee = topics[1], topics[2]
    if not isinstance(payer, Address) or not isinstance(payee, Address):
        return None
    return DecodedTransfer(payer.address, payee.address, amount)
