"""The events of the asset's contract (CAP-67): one for each movement, with the muxed id in it."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from stellar_sdk import Address, MuxedAccount, scval
from stellar_sdk.soroban_rpc import EventInfo

from domain.accounting.reconciliation import ChainTransfer

# Kinds of movement, each with the topics of its payer and payee.
PARTIES: Mapping[str, tuple[int | None, int | None]] = {
    "transfer": (1, 2),
    "mint": (None, 1),
    "burn": (1, None),
    "clawback": (1, None),
}


def parse_transfer(event: EventInfo, contract: str) -> ChainTransfer:
    """Parse an event of the asset's contract; raises ValueError for one of another."""
    topics: list[Any] = [scval.to_native(topic) for topic in event.topic]
    kind = str(topics[0])
    if event.contract_id != contract or kind not in PARTIES:
        raise ValueError("an event that the filter excludes")
    payer, payee = PARTIES[kind]
    amount, number = _parse_amount(scval.to_native(event.value))
    return ChainTransfer(
        event.id,
        kind,
        event.transaction_hash,
        event.ledger,
        event.ledger_close_at.astimezone(UTC),
        None if payer is None else _parse_address(topics[payer]),
        None if payee is None else _parse_address(topics[payee]),
        number,
        amount,
    )


def encode_symbol(name: str) -> str:
    """Return the topic by which events of a kind are found."""
    return scval.to_symbol(name).to_xdr()


def _parse_amount(value: Any) -> tuple[int, int | None]:
    """Return the amount in stroops, and the muxed id; None for a memo of text or bytes."""
    number = None
    if isinstance(value, dict):
        value, number = value["amount"], value.get("to_muxed_id")
    if not isinstance(value, int):
        raise TypeError("an event without an amount")
    return value, number if isinstance(number, int) else None


def _parse_address(party: Any) -> str:
    if not isinstance(party, Address):
        raise TypeError("an event without its parties")
    text = party.address
    return MuxedAccount.from_account(text).account_id if text.startswith("M") else text
