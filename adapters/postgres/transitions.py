"""
State transitions in the database: the only way a status changes, by the transition table in the domain.

tests/adapters/postgres/test_transitions.py fails when a status is updated in another way.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Table, Update, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import tables
from domain import deliveries
from domain.accounting import breaks
from domain.errors import IllegalTransition, NotFound, TryAgain
from domain.jobs import jobs
from domain.settlement import attempts, payments
from domain.sla import attestations, disputes, outages
from domain.sla.intake import episodes, messages
from domain.transitions import check_transition, list_sources

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[State]):
    """
    A table whose `status` changes as the domain's transition table allows.

    Every transition sets the columns named in `cleared` to NULL, unless it gives them a value: they
    hold the reason of the status before.
    """

    noun: str
    table: Table
    transitions: Mapping[State, frozenset[State]]
    cleared: tuple[str, ...] = ()
    # Moves that are made only by an operation that names where they begin.
    named: frozenset[tuple[State, State]] = frozenset()

    def list_sources(
        self, to: State, only: Collection[State] | None = None, *, again: bool = False
    ) -> list[State]:
        """
        Return the states from which a row may move to `to`.

        `only` narrows them and never adds any; with `again`, a row in that state may be written again.
        """
        allowed = list_sources(self.transitions, to)
        if only is None:
            allowed = [state for state in allowed if (state, to) not in self.named]
        else:
            assert set(only) <= set(allowed), f"{self.noun}: the table allows no such move"
            allowed = [state for state in allowed if state in only]
        return [*allowed, to] if again else allowed

    def update(
        self,
        to: State,
        only: Collection[State] | None = None,
        *,
        again: bool = False,
        **changes: Any,
    ) -> Update:
        """Return an UPDATE of all rows that may move; the caller adds which rows are meant."""
        cleared = dict.fromkeys(self.cleared)
        return (
            update(self.table)
            .where(self.table.c.status.in_(self.list_sources(to, only, again=again)))
            .values(**(cleared | changes | {"status": to}))
        )

    def make_assignment(self, to: State) -> str:
        """Return the transition as SQL to stand after SET; use it only together with `make_condition`."""
        return ", ".join([f"status = '{to}'", *(f"{name} = NULL" for name in self.cleared)])

    def make_condition(self, to: State, only: Collection[State] | None = None) -> str:
        """Return the condition that a row may make the transition, as SQL to stand after WHERE."""
        names = ", ".join(f"'{state}'" for state in self.list_sources(to, only))
        return f"{self.table.name}.status IN ({names})" if names else "false"

    def make_key_condition(self, key: Mapping[str, Any]) -> ColumnElement[bool]:
        return and_(sa.true(), *(self.table.c[name] == value for name, value in key.items()))


@dataclass(frozen=True, slots=True)
class Change:
    """
    The change of a row as a part of a larger statement: `ctes` are the SQL of its common table expressions, of which
    the last is called `changed` and returns nothing when nothing is changed; then the rest is not done either.
    """

    ctes: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consequence:
    """What is written as well where a change changes something: further parts of its statement."""

    ctes: tuple[str, ...]
    values: Mapping[str, Any]


NO_CONSEQUENCE = Consequence((), {})
OUTAGES = StateMachine("outage", tables.outages, outages.TRANSITIONS)
DISPUTES = StateMachine("dispute", tables.disputes, disputes.TRANSITIONS)
PAYMENTS = StateMachine(
    *("payment", tables.payments, payments.TRANSITIONS),
    *(("reason_code", "status_reason"), payments.NAMED_MOVES),
)
ATTEMPTS = StateMachine(
    "attempt", tables.attempts, attempts.TRANSITIONS, named=attempts.NAMED_MOVES
)
ATTESTATIONS = StateMachine("attestation", tables.attestations, attestations.TRANSITIONS)
CALLS = StateMachine("contract call", tables.contract_calls, attestations.CALL_TRANSITIONS)
BREAKS = StateMachine("break", tables.breaks, breaks.TRANSITIONS)
DELIVERIES = StateMachine(
    "delivery", tables.deliveries, deliveries.TRANSITIONS, named=deliveries.NAMED_MOVES
)
EPISODES = StateMachine("episode", tables.intake_episodes, episodes.TRANSITIONS)
MESSAGES = StateMachine("message", tables.intake_messages, messages.TRANSITIONS)
JOBS = StateMachine("job", tables.jobs, jobs.TRANSITIONS)
MACHINES: Sequence[StateMachine[Any]] = (
    *(OUTAGES, DISPUTES, PAYMENTS, ATTEMPTS, ATTESTATIONS, CALLS, BREAKS, DELIVERIES),
    *(EPISODES, MESSAGES, JOBS),
)


async def move(
    connection: AsyncConnection,
    machine: StateMachine[State],
    key: Mapping[str, Any],
    to: State,
    only: Collection[State] | None = None,
    *,
    again: bool = False,
    **changes: Any,
) -> bool:
    """
    Move one row, by its key, to its next status; False when it has that status already.

    Raises IllegalTransition when the transition table, or `only`, does not allow it, and NotFound when
    there is no such row; nothing has changed then.
    """
    moved = await connection.execute(
        machine.update(to, only, again=again, **changes).where(machine.make_key_condition(key))
    )
    if moved.rowcount == 1:
        return True
    return await refuse(connection, machine, key, to, only)


async def refuse(
    connection: AsyncConnection,
    machine: StateMachine[State],
    key: Mapping[str, Any],
    to: State,
    only: Collection[State] | None = None,
) -> bool:
    """Raise the reason why a row did not move; return False when it has the new status already."""
    name = f"{machine.noun} {'/'.join(str(value) for value in key.values())}"
    found = await connection.scalar(
        select(machine.table.c.status).where(machine.make_key_condition(key))
    )
    if found is None:
        raise NotFound(f"there is no {name}")
    now = type(to)(found)
    if now is to:
        return False
    check_transition(name, machine.transitions, now, to)
    if (now, to) in machine.named if only is None else now not in only:
        raise IllegalTransition(f"{name} is {now} and may not become {to} by this operation")
    raise TryAgain(f"{name} was changed by another process meanwhile; read it again")
