"""Room in a ledger: two lanes, and the price of a place when one of them is full."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from sandbox.stellar import fees
from sandbox.stellar.transactions import Envelope


class Lanes:
    """Who gets into the next ledger, and what a place costs per operation.

    `floor` is what the rest of the world bids when the network is busy: nobody below it gets in.
    """

    def __init__(self, classic: int = 1_000, soroban: int = 2_000) -> None:
        self.classic = classic  # operations per ledger
        self.soroban = soroban  # transactions per ledger
        self.floor = fees.BASE_FEE

    def choose(self, envelopes: list[Envelope]) -> list[tuple[Envelope, int]]:
        """Those with a place, each with the inclusion fee it pays: its lane's lowest winning bid."""
        calls = [item for item in envelopes if item.is_soroban]
        plain = [item for item in envelopes if not item.is_soroban]
        return self._fill(calls, self.soroban) + self._fill(plain, self.classic)

    def _fill(self, envelopes: list[Envelope], room: int) -> list[tuple[Envelope, int]]:
        ranked = sorted(envelopes, key=lambda item: (-rate(item), item.hash))
        winners: list[Envelope] = []
        full = False
        for envelope in ranked:
            cost = 1 if envelope.is_soroban else envelope.paid_operations
            if rate(envelope) < self.floor or cost > room:
                full = True
                continue
            room -= cost
            winners.append(envelope)
        surged = full or self.floor > fees.BASE_FEE
        lowest = min(map(rate, winners), default=Fraction(0))
        price = max(Fraction(self.floor), lowest) if surged else Fraction(fees.BASE_FEE)
        return [
            (item, min(ceil(price * item.paid_operations), item.inclusion_fee)) for item in winners
        ]


def rate(envelope: Envelope) -> Fraction:
    """The bid for inclusion per operation."""
    return Fraction(envelope.inclusion_fee, envelope.paid_operations)
