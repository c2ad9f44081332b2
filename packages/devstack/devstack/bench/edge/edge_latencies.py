"""How long callers wait for a read and for a declaration, quiet and while strangers guess."""

import asyncio
import statistics
from collections import Counter
from dataclasses import dataclass, field

from devstack.bench import declare_latency
from devstack.bench.edge.guesses import REFUSALS, Guessed, Guesser, open_session
from devstack.bench.latencies import Latencies
from devstack.bench.load_loops import open_loop
from devstack.replay.api_client import EngineClient

READS_A_SECOND, DECLARATIONS_A_SECOND = 10.0, 5.0
READ, DECLARE = "read", "declare"
# How much a call may become slower at the 99th percentile.
RATIO_MAX = 1.2


@dataclass
class EdgeLatencies:
    """One entry a round for each kind of guess and call; `answered` counts the statuses of guesses."""

    rounds: dict[Guessed, dict[str, list[Latencies]]] = field(default_factory=dict)
    answered: dict[Guessed, Counter[int]] = field(default_factory=dict)

    def add(self, guessed: Guessed, read: Latencies, declared: Latencies) -> None:
        calls = self.rounds.setdefault(guessed, {READ: [], DECLARE: []})
        calls[READ].append(read)
        calls[DECLARE].append(declared)

    def compute_median(self, guessed: Guessed, call: str, percent: int) -> float:
        """Return the median over the rounds, in milliseconds."""
        return statistics.median(
            each.p50_ms if percent == 50 else each.p99_ms for each in self.rounds[guessed][call]
        )

    def compute_ratio(self, guessed: Guessed, call: str) -> float:
        """Return the p99 while strangers guess, by the quiet one."""
        quiet = self.compute_median(Guessed.NOTHING, call, 99)
        return round(self.compute_median(guessed, call, 99) / quiet, 3) if quiet else 0.0

    def list_problems(self) -> list[str]:
        return [
            f"{times} of the guessed {guessed} were answered {status}"
            for guessed, answers in self.answered.items()
            for status, times in answers.items()
            if status not in REFUSALS
        ]


async def measure(engine: EngineClient, seconds: float, rounds: int) -> EdgeLatencies:
    """In turn, so that a machine that slows down slows all of them."""
    measured = EdgeLatencies()
    async with open_session() as session:
        for _ in range(rounds):
            for guessed in Guessed:
                guesser = Guesser(session, engine.url, guessed)
                answered, read, declared = await asyncio.gather(
                    guesser.guess(seconds),
                    _read(engine, seconds),
                    declare_latency.measure(engine, DECLARATIONS_A_SECOND, seconds),
                )
                measured.answered.setdefault(guessed, Counter()).update(answered)
                measured.add(guessed, read, declared)
    return measured


async def _read(engine: EngineClient, seconds: float) -> Latencies:
    async def read(_position: int) -> None:
        await engine.get("/outages", page_size="20")

    return Latencies.of(await open_loop(read, READS_A_SECOND, seconds))
