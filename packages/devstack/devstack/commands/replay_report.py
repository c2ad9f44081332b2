"""What a replay came to, for people and as JSON."""

from dataclasses import asdict
from typing import Any

import orjson
from rich.console import Console

from devstack.bench.latencies import Latencies
from devstack.replay.replays import Replay
from devstack.replay.verification import ReplayProof
from domain.money import format_amount

PROBLEMS_SHOWN = 20


def _verdicts(replay: Replay, status: str) -> int:
    return sum(each.sla_status == status for each in replay.played.values())


def get_rate(replay: Replay) -> float:
    closed_now = sum(not each.closed_before for each in replay.closed)
    return round(closed_now / replay.seconds, 2) if replay.seconds else 0.0


def print_report(console: Console, replay: Replay, proof: ReplayProof) -> None:
    lines = {
        "outages closed": f"{len(replay.closed)} of {len(replay.played)}",
        "SLA met, violated": f"{_verdicts(replay, 'met')}, {_verdicts(replay, 'violated')}",
        "rewards": f"{format_amount(proof.rewards_stroops)} USDC",
        "penalties": f"{format_amount(proof.penalties_stroops)} USDC",
        "payments confirmed": f"{proof.payments_confirmed}, of which {proof.payments_new} are new",
        "refused": str(len(replay.refused)),
        "declare": str(Latencies.of(replay.declare_seconds)),
        "resolve": str(Latencies.of(replay.resolve_seconds)),
        "wall time": f"{replay.seconds:.1f} s, {get_rate(replay)} lifecycles a second",
    }
    if replay.engine.repetitions:
        lines["calls repeated"] = str(replay.engine.repetitions)
    for name, value in lines.items():
        console.print(f"{name:20} {value}", markup=False)
    for problem in proof.problems[:PROBLEMS_SHOWN]:
        console.print(f"PROBLEM  {problem}", markup=False)
    if len(proof.problems) > PROBLEMS_SHOWN:
        console.print(f"and {len(proof.problems) - PROBLEMS_SHOWN} more", markup=False)


def make_summary(replay: Replay, proof: ReplayProof) -> dict[str, Any]:
    return {
        "ok": proof.holds,
        "accepted": len(replay.played),
        "known_before": sum(each.known_before for each in replay.played.values()),
        "closed_before": sum(each.closed_before for each in replay.played.values()),
        "closed": len(replay.closed),
        "met": _verdicts(replay, "met"),
        "violated": _verdicts(replay, "violated"),
        # Fragments, because a float would round what a stroop does not.
        "rewards_usdc": orjson.Fragment(format_amount(proof.rewards_stroops)),
        "penalties_usdc": orjson.Fragment(format_amount(proof.penalties_stroops)),
        "payments_confirmed": proof.payments_confirmed,
        "payments_new": proof.payments_new,
        "journal_sum_stroops": proof.journal_sum_stroops,
        "refused": len(replay.refused),
        "refusals": [asdict(refusal) for refusal in replay.refused],
        "problems": proof.problems,
        "calls_repeated": replay.engine.repetitions,
        "wall_seconds": round(replay.seconds, 2),
        "lifecycles_per_second": get_rate(replay),
        "declare": asdict(Latencies.of(replay.declare_seconds)),
        "resolve": asdict(Latencies.of(replay.resolve_seconds)),
    }
