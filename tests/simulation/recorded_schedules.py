"""
Schedules as data: the moves of a state machine, recorded one by one, and played again.

A machine whose rules come from here remembers its moves. Those under which a faulty signer was found
are kept in tests/simulation/faulty_signers.json, a line for each; a name or value that no longer exists makes a
line worthless, and never wrong.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import stateful

from domain.settlement.attempts import SettlementRail
from domain.settlement.batches import Plan
from stellar_sandbox.faults.fault_plan import Fault

FILE = Path(__file__).with_name("faulty_signers.json")
Move = tuple[str, dict[str, Any]]
Schedule = list[Move]


class Recorded(stateful.RuleBasedStateMachine):
    """A state machine that records its moves; the class keeps those of the latest."""

    latest: ClassVar[Schedule] = []

    def __init__(self) -> None:
        super().__init__()
        self.moves: Schedule = []
        self.inside = False
        type(self).latest = self.moves


def rule(**strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a rule whose use is recorded."""
    return lambda move: stateful.rule(**strategies)(_remembered(move))


def initialize(**strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """Make an initialization that is recorded."""
    return lambda move: stateful.initialize(**strategies)(_remembered(move))


def _remembered(move: Callable[..., None]) -> Callable[..., None]:
    @wraps(move)
    def remember(machine: Recorded, *given: Any, **drawn: Any) -> None:
        if machine.inside:  # a move that is part of another
            return move(machine, *given, **drawn)
        # Written down before: what is drawn may be used up.
        machine.moves.append((move.__name__, {name: _plain(drawn[name]) for name in drawn}))
        machine.inside = True
        try:
            return move(machine, *given, **drawn)
        finally:
            machine.inside = False

    return remember


def find_failure(kind: type[Recorded], schedule: Schedule) -> Exception | None:
    """Play a schedule; return what is wrong, or None when all is well or it cannot be played."""
    machine = kind()
    moves: list[tuple[Any, dict[str, Any]]] = [
        (getattr(machine, name, None), drawn) for name, drawn in schedule
    ]
    try:
        played = [(move, _drawn(move, drawn)) for move, drawn in moves]
    except (TypeError, ValueError):
        return None
    try:
        try:
            for move, values in played:
                move(**values)
        finally:
            machine.teardown()
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is what is wrong
        return failure
    return None


def _drawn(move: Any, drawn: dict[str, Any]) -> dict[str, Any]:
    values = {name: _made(value) for name, value in drawn.items()}
    inspect.signature(move).bind(**values)  # of None as well as of what takes other values
    return values


def read_schedules() -> dict[str, Schedule]:
    """The recorded schedule of each faulty signer, by its name."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def write_schedule(name: str, schedule: Schedule) -> None:
    """Write a schedule into the file, in place of another of that name."""
    kept = read_schedules() | {name: schedule}
    lines = [f"{json.dumps(each)}: {json.dumps(kept[each])}" for each in sorted(kept)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        given = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if getattr(value, field.name) != field.default
        }
        return {type(value).__name__: given}
    return value


def _made(value: Any) -> Any:
    if isinstance(value, list):
        return [_made(each) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, given),) = value.items()
    if kind == "Plan":
        return Plan(SettlementRail(given["rail"]), given["netting_window_seconds"])
    if kind == "Fault":
        return Fault(**given)
    raise ValueError(f"no schedule is made of {kind}")
