"""
What a replay came to, read back from the engine: every outage paid once, and a journal that balances.

Nothing the replay noted on its way is trusted for money; payments are counted where they are kept.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from devstack.replay.api_client import EngineClient, RequestTimedOut
from devstack.replay.replays import Played, Replay

Payments = list[dict[str, Any]]


@dataclass
class ReplayProof:
    """`problems` is empty when every outage that was accepted is closed and paid exactly once."""

    problems: list[str] = field(default_factory=list)
    payments_confirmed: int = 0
    payments_new: int = 0
    rewards_stroops: int = 0
    penalties_stroops: int = 0
    journal_sum_stroops: int | None = None

    @property
    def holds(self) -> bool:
        return not self.problems

    def examine(self, each: Played, payments: Payments) -> None:
        """Hold one outage to what was promised."""
        if each.lifecycle != "closed":
            self.problems.append(f"{each.id}: is {each.lifecycle or 'not declared'}, not closed")
        if len(payments) != 1:
            self.problems.append(f"{each.id}: has {len(payments)} payments, not one")
        if not each.closed_before:
            self.payments_new += len(payments)
        for payment in payments:
            self._count(each, payment)

    def _count(self, each: Played, payment: dict[str, Any]) -> None:
        if payment["state"] != "confirmed" or not payment["transaction_hash"]:
            self.problems.append(f"{each.id}: its payment is {payment['state']}, not confirmed")
            return
        self.payments_confirmed += 1
        if payment["type"] == "reward":
            self.rewards_stroops += int(payment["amount_stroops"])
        else:
            self.penalties_stroops += int(payment["amount_stroops"])


async def prove(engine: EngineClient, replay: Replay) -> ReplayProof:
    """Read every payment and every account of the journal."""
    proof = ReplayProof([replay.stalled] if replay.stalled else [])
    by_outage: dict[str, Payments] = defaultdict(list)
    try:
        for payment in (await engine.payments()).values():
            by_outage[payment["outage_id"]].append(payment)
        proof.journal_sum_stroops = await engine.journal_sum_stroops()
    except RequestTimedOut as impatience:
        proof.problems.append(f"cannot be checked: {impatience}")
        return proof
    for each in replay.played.values():
        proof.examine(each, by_outage[each.id])
    if proof.journal_sum_stroops:
        proof.problems.append(f"the journal is off by {proof.journal_sum_stroops} stroops")
    return proof
