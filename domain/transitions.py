"""Transition tables: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from domain.errors import IllegalTransition

State = TypeVar("State", bound=StrEnum)


def check_transition(
    what: str, table: Mapping[State, frozenset[State]], now: State, to: State
) -> None:
    """Raise IllegalTransition, which names what was to move, unless the table allows the move."""
    if to not in table[now]:
        raise IllegalTransition(f"{what} is {now} and may not become {to}")


def list_sources(table: Mapping[State, frozenset[State]], to: State) -> list[State]:
    """Return the states from which `to` can be reached in one move."""
    return [state for state, nexts in table.items() if to in nexts]
