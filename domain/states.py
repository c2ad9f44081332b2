"""Transition tables: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from domain.errors import IllegalTransition

State = TypeVar("State", bound=StrEnum)


def step(table: Mapping[State, frozenset[State]], now: State, to: State) -> State:
    """Return `to` when the table allows it, raise IllegalTransition when it does not."""
    if to not in table[now]:
        raise IllegalTransition(f"{now} may not become {to}")
    return to


def sources(table: Mapping[State, frozenset[State]], to: State) -> list[State]:
    """Return the states from which `to` can be reached in one move."""
    return [state for state, nexts in table.items() if to in nexts]
