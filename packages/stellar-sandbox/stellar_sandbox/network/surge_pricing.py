"""Surge pricing: the limits of a ledger, and the inclusion fee when a lane is full."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from operator import sub

from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.ledger import fees

Resources = tuple[int, ...]  # one number for each resource that a lane limits

# Soroban: transactions, bytes, instructions (as if none ran in parallel), entries and
# bytes read from disk, entries and bytes written.
SOROBAN_LEDGER_LIMITS: Resources = (2_000, 266_240, 580_000_000, 1_000, 400_000, 1_000, 286_720)


class SurgePricing:
    """Selects the transactions of the next ledger, and their inclusion fee per operation.

    `min_fee_rate` is the lowest bid that gets in while the network is busy.
    """

    def __init__(self) -> None:
        self.classic_limits: Resources = (1_000,)  # operations
        self.soroban_limits: Resources = SOROBAN_LEDGER_LIMITS
        self.min_fee_rate = fees.BASE_FEE

    def fits(self, envelopes: list[TransactionFrame], ledgers: int = 1) -> bool:
        """Whether so many ledgers have room for all of these transactions of one lane."""
        if not envelopes:
            return True
        used = map(sum, zip(*map(measure_resources, envelopes), strict=True))
        limits = self._get_limits(envelopes[0])
        return all(need <= ledgers * have for need, have in zip(used, limits, strict=True))

    def select(self, envelopes: list[TransactionFrame]) -> list[tuple[TransactionFrame, int]]:
        """Return the selected transactions and the inclusion fee of each."""
        soroban = [item for item in envelopes if item.is_soroban]
        classic = [item for item in envelopes if not item.is_soroban]
        return self._select_lane(soroban) + self._select_lane(classic)

    def _get_limits(self, envelope: TransactionFrame) -> Resources:
        return self.soroban_limits if envelope.is_soroban else self.classic_limits

    def _select_lane(self, envelopes: list[TransactionFrame]) -> list[tuple[TransactionFrame, int]]:
        ranked = sorted(envelopes, key=lambda item: (-get_fee_rate(item), item.hash))
        selected: list[TransactionFrame] = []
        left = self._get_limits(ranked[0]) if ranked else ()
        full = False
        for envelope in ranked:
            after = tuple(map(sub, left, measure_resources(envelope)))
            if get_fee_rate(envelope) < self.min_fee_rate or min(after) < 0:
                full = True
                continue
            left = after
            selected.append(envelope)
        return [
            (item, min(price, item.inclusion_fee))
            for item, price in self._compute_fees(selected, full)
        ]

    def _compute_fees(
        self, selected: list[TransactionFrame], full: bool
    ) -> list[tuple[TransactionFrame, int]]:
        """With room to spare each pays the base fee, otherwise the lowest selected bid."""
        lowest = min(map(get_fee_rate, selected), default=Fraction(0))
        surged = full or self.min_fee_rate > fees.BASE_FEE
        price = max(Fraction(self.min_fee_rate), lowest) if surged else Fraction(fees.BASE_FEE)
        return [(item, ceil(price * item.paid_operations)) for item in selected]


def keep_best_bids(envelopes: list[TransactionFrame]) -> list[TransactionFrame]:
    """Return one transaction for each source account: the best bid."""
    best: dict[str, TransactionFrame] = {}
    for envelope in envelopes:
        other = best.get(envelope.source)
        if other is None or (get_fee_rate(envelope), envelope.hash) > (
            get_fee_rate(other),
            other.hash,
        ):
            best[envelope.source] = envelope
    return list(best.values())


def measure_resources(envelope: TransactionFrame) -> Resources:
    """Return the resources of a transaction; a Soroban transaction uses what it declares."""
    if not envelope.is_soroban:
        return (envelope.paid_operations,)
    assert envelope.soroban is not None
    resources = envelope.soroban.resources
    return (
        1,
        envelope.size,
        resources.instructions.uint32,
        fees.count_disk_read_entries(resources),
        resources.disk_read_bytes.uint32,
        len(resources.footprint.read_write),
        resources.write_bytes.uint32,
    )


def get_fee_rate(envelope: TransactionFrame) -> Fraction:
    """Return the bid for inclusion per operation."""
    return Fraction(envelope.inclusion_fee, envelope.paid_operations)
