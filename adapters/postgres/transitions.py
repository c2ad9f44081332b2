"""
The one way a status changes in the database: by the table of transitions that its noun has in the domain.

Whoever updates a status by another way is found by tests/adapters/postgres/test_transitions.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Table, Update, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import tables
from domain import webhooks
from domain.accounting import breaks
from domain.errors import IllegalTransition, NotFound, TryAgain
from domain.settlement import attempts, payments
from domain.sla import attestations, disputes, outages
from domain.transitions import check_transition, sources

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[State]):
    """
    A table whose `status` moves as the domain says. What it `forgets` is emptied by every move that
    does not say it anew: the reason of the status before.
    """

    noun: str
    table: Table
    transitions: Mapping[State, frozenset[State]]
    forgets: tuple[str, ...] = ()

    def sources(
        self, to: State, only: Collection[State] | None = None, *, again: bool = False
    ) -> list[State]:
        """
        Return the states from which a row may move: `only` narrows them, and never widens; with
        `again`, a row that is there already may be written anew.
        """
        allowed = sources(self.transitions, to)
        if only is not None:
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
        """Move all rows that the caller's conditions name and the table lets go."""
        forgotten = dict.fromkeys(self.forgets)
        return (
            update(self.table)
            .where(self.table.c.status.in_(self.sources(to, only, again=again)))
            .values(**(forgotten | changes | {"status": to}))
        )

    def assignment(self, to: State) -> str:
        """The move as SQL, to stand behind SET; always together with `condition`."""
        return ", ".join([f"status = '{to}'", *(f"{name} = NULL" for name in self.forgets)])

    def condition(self, to: State, only: Collection[State] | None = None) -> str:
        """The rows that may make the move as SQL, to stand behind WHERE."""
        names = ", ".join(f"'{state}'" for state in self.sources(to, only))
        return f"{self.table.name}.status IN ({names})" if names else "false"

    def named(self, key: Mapping[str, Any]) -> ColumnElement[bool]:
        return and_(sa.true(), *(self.table.c[name] == value for name, value in key.items()))


OUTAGES = StateMachine("outage", tables.outages, outages.TRANSITIONS)
DISPUTES = StateMachine("dispute", tables.disputes, disputes.TRANSITIONS)
PAYMENTS = StateMachine(
    "payment", tables.payments, payments.TRANSITIONS, ("reason_code", "status_reason")
)
ATTEMPTS = StateMachine("attempt", tables.attempts, attempts.TRANSITIONS)
ATTESTATIONS = StateMachine("attestation", tables.attestations, attestations.TRANSITIONS)
CALLS = StateMachine("contract call", tables.contract_calls, attestations.CALL_TRANSITIONS)
BREAKS = StateMachine("break", tables.breaks, breaks.TRANSITIONS)
DELIVERIES = StateMachine("delivery", tables.deliveries, webhooks.TRANSITIONS)
MACHINES: Sequence[StateMachine[Any]] = (
    *(OUTAGES, DISPUTES, PAYMENTS, ATTEMPTS, ATTESTATIONS, CALLS, BREAKS, DELIVERIES),
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
    Take one row, by its key, to its next status; False when it is there already.

    Raises IllegalTransition when the table, or `only`, does not let it go there from where it is, and
    NotFound when there is no such row: nothing was changed then.
    """
    moved = await connection.execute(
        machine.update(to, only, again=again, **changes).where(machine.named(key))
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
    """Say why a row was not moved; False when it is where it was to go."""
    name = f"{machine.noun} {'/'.join(str(value) for value in key.values())}"
    found = await connection.scalar(select(machine.table.c.status).where(machine.named(key)))
    if found is None:
        raise NotFound(f"there is no {name}")
    now = type(to)(found)
    if now is to:
        return False
    check_transition(name, machine.transitions, now, to)
    if only is not None and now not in only:
        raise IllegalTransition(f"{name} is {now} and may not become {to} by this")
    raise TryAgain(f"{name} was changed by another process meanwhile; read it again")
