"""Room in a ledger: two lanes, and the price of a place when one of them is full."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from operator import sub

from stellar_sandbox.envelopes.transaction_frame import Envelope
from stellar_sandbox.ledger import fees

Room = tuple[int, ...]  # as many kinds of room as the lane measures

# Of calls: how many, their bytes, their instructions (as if none ran beside another), entries and
# bytes read from disk, entries and bytes written.
SOROBAN_ROOM: Room = (2_000, 266_240, 580_000_000, 1_000, 400_000, 1_000, 286_720)


class Lanes:
    """Who gets into the next ledger, and what a place costs per operation.

    `floor` is what the rest of the world bids when the network is busy: nobody below it gets in.
    """

    def __init__(self) -> None:
        self.classic: Room = (1_000,)  # operations
        self.soroban: Room = SOROBAN_ROOM
        self.floor = fees.BASE_FEE

    def hold(self, envelopes: list[Envelope], ledgers: int = 1) -> bool:
        """Whether so many ledgers have room for all of these, which share a lane."""
        if not envelopes:
            return True
        used = map(sum, zip(*map(cost, envelopes), strict=True))
        room = self._room(envelopes[0])
        return all(need <= ledgers * have for need, have in zip(used, room, strict=True))

    def choose(self, envelopes: list[Envelope]) -> list[tuple[Envelope, int]]:
        """Those with a place, each with the inclusion fee it pays: its lane's lowest winning bid."""
        calls = [item for item in envelopes if item.is_soroban]
        plain = [item for item in envelopes if not item.is_soroban]
        return self._fill(calls) + self._fill(plain)

    def _room(self, envelope: Envelope) -> Room:
        return self.soroban if envelope.is_soroban else self.classic

    def _fill(self, envelopes: list[Envelope]) -> list[tuple[Envelope, int]]:
        ranked = sorted(envelopes, key=lambda item: (-rate(item), item.hash))
        winners: list[Envelope] = []
        left = self._room(ranked[0]) if ranked else ()
        full = False
        for envelope in ranked:
            after = tuple(map(sub, left, cost(envelope)))
            if rate(envelope) < self.floor or min(after) < 0:
                full = True
                continue
            left = after
            winners.append(envelope)
        return [
            (item, min(price, item.inclusion_fee)) for item, price in self._price(winners, full)
        ]

    def _price(self, winners: list[Envelope], full: bool) -> list[tuple[Envelope, int]]:
        """With room to spare everybody pays the minimum, otherwise what the lowest winner bid."""
        lowest = min(map(rate, winners), default=Fraction(0))
        surged = full or self.floor > fees.BASE_FEE
        price = max(Fraction(self.floor), lowest) if surged else Fraction(fees.BASE_FEE)
        return [(item, ceil(price * item.paid_operations)) for item in winners]


def best_bids(envelopes: list[Envelope]) -> list[Envelope]:
    """One for each account: of two, the better bid."""
    best: dict[str, Envelope] = {}
    for envelope in envelopes:
        rival = best.get(envelope.source)
        if rival is None or (rate(envelope), envelope.hash) > (rate(rival), rival.hash):
            best[envelope.source] = envelope
    return list(best.values())


def cost(envelope: Envelope) -> Room:
    """The room an envelope takes; a call takes what it declares."""
    if not envelope.is_soroban:
        return (envelope.paid_operations,)
    assert envelope.soroban is not None
    resources = envelope.soroban.resources
    return (
        1,
        envelope.size,
        resources.instructions.uint32,
        fees.disk_read_entries(resources),
        resources.disk_read_bytes.uint32,
        len(resources.footprint.read_write),
        resources.write_bytes.uint32,
    )


def rate(envelope: Envelope) -> Fraction:
    """The bid for inclusion per operation."""
    return Fraction(envelope.inclusion_fee, envelope.paid_operations)
