"""
Which SQL statements one outage costs, and in how many transactions: read from the log of PostgreSQL.

Outages go one after the other, so that what a process asks while it answers a request or runs an activity is for
that. What it asks at other times is background: it looks for deliveries, reads the chain, folds sums.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import psycopg

# The processes of a stack by the names of their logs, by which the database knows them as well.
PROCESSES = ("api", "worker", "settlement-worker")
BACKGROUND = "background"
# As the stack has it written: environment/postgres.py.
_LINE = re.compile(
    r"(?P<at>\S+ \S+) UTC \[(?P<pid>\d+)\] (?P<process>\S*) LOG:  "
    r"(?:execute [^:]+|statement): (?P<text>.*)"
)
_BEGIN, _ENDS = "BEGIN", ("COMMIT", "ROLLBACK")


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """`transaction` tells those of one session apart, by when each began."""

    at: datetime
    process: str
    transaction: str
    text: str

    @property
    def is_bracket(self) -> bool:
        """Whether it only begins or ends a transaction."""
        return self.text.startswith((_BEGIN, *_ENDS))


@dataclass(frozen=True, slots=True)
class Step:
    """What a process did from one instant to another: it answered a request, or ran an activity."""

    process: str
    name: str
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one step asks of the database, of every outage together, and in which transactions."""

    process: str
    name: str
    statements: Counter[str]
    asked_in: Mapping[str, set[str]]

    @property
    def transactions(self) -> int:
        return len(self.asked_in)


@asynccontextmanager
async def log_statements(owner_url: str) -> AsyncIterator[None]:
    """Let the server log every statement for as long as this lasts."""
    await _change_log(owner_url, "ALTER SYSTEM SET log_statement = 'all'")
    try:
        yield
    finally:
        await _change_log(owner_url, "ALTER SYSTEM RESET log_statement")


async def _change_log(owner_url: str, change: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        await connection.execute(change.encode())
        await connection.execute("SELECT pg_reload_conf()")


def read_statements(log: str) -> list[LoggedStatement]:
    """Return the statements in a log of the server, each with the transaction that it belongs to."""
    found, open_ = list[LoggedStatement](), dict[str, str]()
    for number, line in enumerate(_join_lines(log)):
        if (match := _LINE.match(line)) is None:
            continue
        pid, text = match["pid"], " ".join(match["text"].split())
        if text.startswith(_BEGIN):
            open_[pid] = f"{pid}/{number}"
        at = datetime.fromisoformat(f"{match['at']}+00:00")
        transaction = open_.get(pid, f"{pid}/{number}")
        found.append(LoggedStatement(at, match["process"], transaction, text))
        if text.startswith(_ENDS):
            open_.pop(pid, None)
    return found


def _join_lines(log: str) -> Iterator[str]:
    """A statement of several lines goes on with a tab."""
    joined = re.sub(r"\n\t", " ", log)
    yield from joined.splitlines()


def read_steps(folder: Path, process: str) -> list[Step]:
    """Return what a process says in its log that it did, and how long each took."""
    found = []
    for line in (folder / f"{process}.log").read_bytes().splitlines():
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(said, dict) or "duration_ms" not in said:
            continue
        name = said.get("activity") or f"{said.get('method')} {said.get('route')}"
        ended = datetime.fromisoformat(said["timestamp"])
        began = ended - timedelta(milliseconds=said["duration_ms"])
        found.append(Step(process, name, began, ended))
    return found


def count_by_step(
    statements: Iterable[LoggedStatement], steps: Sequence[Step], began: datetime
) -> list[StepCost]:
    """Add up what each kind of step asked since an instant, in the order in which they first came."""
    costs: dict[tuple[str, str], StepCost] = {}
    asked_in: dict[tuple[str, str], dict[str, set[str]]] = {}
    for each in statements:
        if each.process not in PROCESSES or each.at < began or each.is_bracket:
            continue
        key = each.process, _find_step(each, steps)
        found = asked_in.setdefault(key, {})
        found.setdefault(each.transaction, set()).add(each.text)
        costs.setdefault(key, StepCost(*key, Counter(), found)).statements[each.text] += 1
    return list(costs.values())


def add_up(costs: Iterable[StepCost], outages: int) -> tuple[int, float]:
    """
    Return how many statements each outage costs, and in how many transactions: those that were asked about as often
    as there were outages. What was asked less often, or by nobody's step, only happened to be asked meanwhile.
    """
    statements, transactions = 0, 0
    for cost in costs:
        if cost.name == BACKGROUND:
            continue
        times = {text: round(count / outages) for text, count in cost.statements.items()}
        statements += sum(times.values())
        transactions += sum(any(times[text] for text in texts) for texts in cost.asked_in.values())
    return statements, round(transactions / outages, 1)


def _find_step(statement: LoggedStatement, steps: Sequence[Step]) -> str:
    """Return the shortest step of its process in which a statement was asked."""
    around = [
        step
        for step in steps
        if step.process == statement.process and step.began <= statement.at <= step.ended
    ]
    return min(around, key=lambda step: step.ended - step.began).name if around else BACKGROUND
