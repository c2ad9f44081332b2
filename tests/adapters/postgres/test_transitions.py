"""
A status moves only as the domain's table says: every pair of statuses is tried on the real database, and
nothing updates a status by another way.
"""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres import transitions
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.tables import metadata
from adapters.postgres.transitions import MACHINES, StateMachine
from devstack.environment.stack import Stack
from domain.accounting.breaks import BreakStatus
from domain.errors import Conflict, IllegalTransition, NotFound
from domain.reasons import ReasonCode
from domain.settlement.manual_matches import MATCHABLE
from domain.settlement.payments import SENT, STOPPED, PaymentStatus, Treasury
from domain.sla.attestations import AttestationStatus
from domain.sla.verdicts import PaymentType
from tests.testkit import stacks
from tests.testkit.jobs.job_factory import make_fitting_job
from tests.testkit.reasons import make_reason
from tests.testkit.source_tree import DEVSTACK, PRODUCTION, get_name, list_modules

PAIRS = [
    pytest.param(machine, now, to, id=f"{machine.noun}-{now}-{to}")
    for machine in MACHINES
    for now in machine.transitions
    for to in machine.transitions
]
NAME = "walked"


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


def _make_value(column: sa.Column[Any]) -> Any:
    """Anything that the column's type takes."""
    if isinstance(column.type, JSONB):
        return {}
    if isinstance(column.type, sa.DateTime):
        return sa.func.now()
    if isinstance(column.type, sa.Integer | sa.Numeric):
        return 1
    if isinstance(column.type, sa.LargeBinary):
        return NAME.encode()
    if isinstance(column.type, sa.Boolean):
        return False
    return NAME


def _make_fitting_values(machine: StateMachine[Any], status: StrEnum) -> dict[str, Any]:
    """What the table's own rules want of a row in this status."""
    if machine is transitions.BREAKS and status is BreakStatus.CLOSED:
        return {"closed_at": sa.func.now(), "closed_by": "x", "note": "x", "adjustment": "none"}
    if machine is transitions.ATTESTATIONS and status is AttestationStatus.HALTED:
        return {"problem": "x"}
    if machine is transitions.ATTESTATIONS and status is AttestationStatus.ATTESTED:
        proof: dict[str, Any] = {"contract_id": "C", "transaction_hash": "aa", "ledger": 9}
        read = {"config_hash": 1, "config_snapshot": {}, "result": {}, "fresh": True}
        return proof | read | {"attested_at": sa.func.now(), "problem": None}
    if machine is not transitions.PAYMENTS:
        return make_fitting_job(status) if machine is transitions.JOBS else {}
    reason = make_reason("the payee has no trustline", ReasonCode.PAYEE_NO_TRUSTLINE)
    stopped, paid = status in STOPPED, status is PaymentStatus.CONFIRMED
    return {
        "type": PaymentType.PENALTY,
        "payer": Treasury.BOND,
        "reason_code": reason.code if stopped else None,
        "status_reason": reason.sentence if stopped else None,
        "transaction_hash": "aa" * 32 if paid else None,
        "confirmed_at": sa.func.now() if paid else None,
    }


async def _insert(connection: Any, machine: StateMachine[Any], status: StrEnum) -> dict[str, Any]:
    """A row in this status, whatever its table refers to; returns the key it has."""
    wanted = {
        column.name: _make_value(column)
        for column in machine.table.columns
        if not column.nullable
        and column.server_default is None
        # A number of its own.
        and column.identity is None
    }
    values = wanted | _make_fitting_values(machine, status) | {"status": status}
    # What it refers to does not exist: no trigger looks, but every rule of the table holds.
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    await connection.execute(machine.table.insert().values(**values))
    return {column.name: values[column.name] for column in machine.table.primary_key}


async def _read_row(connection: Any, machine: StateMachine[Any]) -> dict[str, Any]:
    return dict((await connection.execute(sa.select(machine.table))).mappings().one())


@pytest.mark.parametrize(("machine", "now", "to"), PAIRS)
async def test_every_pair_of_statuses_is_allowed_or_refused_as_the_table_says(
    scratch: Database, machine: StateMachine[Any], now: StrEnum, to: StrEnum
) -> None:
    changes = _make_fitting_values(machine, to)
    async with scratch.engine.connect() as connection, connection.begin() as transaction:
        key = await _insert(connection, machine, now)
        before = await _read_row(connection, machine)
        if (now, to) in machine.named:
            with pytest.raises(IllegalTransition, match=f"is {now} and may not become {to}"):
                await transitions.move(connection, machine, key, to, **changes)
            assert machine.list_sources(to, {now}) == [now]
        elif to in machine.transitions[now]:
            assert await transitions.move(connection, machine, key, to, **changes) is True
            assert (await _read_row(connection, machine))["status"] == to
        elif now is to:
            assert await transitions.move(connection, machine, key, to, **changes) is False
            assert await _read_row(connection, machine) == before
        else:
            with pytest.raises(IllegalTransition, match=f"is {now} and may not become {to}"):
                await transitions.move(connection, machine, key, to, **changes)
            assert await _read_row(connection, machine) == before
            # Also by statements that do more than this.
            moved = await connection.execute(
                text(
                    f"UPDATE {machine.table.name} SET {machine.make_assignment(to)}"
                    f" WHERE {machine.make_condition(to)}"
                )
            )
            assert moved.rowcount == 0
            assert await _read_row(connection, machine) == before
        await transaction.rollback()


@pytest.mark.parametrize("now", sorted(PaymentStatus))
async def test_only_sent_payments_are_confirmed_and_only_unsent_ones_are_matched(
    scratch: Database, now: PaymentStatus
) -> None:
    to, changes = (
        PaymentStatus.CONFIRMED,
        _make_fitting_values(transitions.PAYMENTS, PaymentStatus.CONFIRMED),
    )
    for only in (SENT, MATCHABLE):
        async with scratch.engine.connect() as connection, connection.begin() as transaction:
            key = await _insert(connection, transitions.PAYMENTS, now)
            if now in only:
                assert await transitions.move(
                    connection, transitions.PAYMENTS, key, to, only, **changes
                )
            elif now is not to:
                with pytest.raises(IllegalTransition, match=f"is {now} and may not become"):
                    await transitions.move(
                        connection, transitions.PAYMENTS, key, to, only, **changes
                    )
                assert (await _read_row(connection, transitions.PAYMENTS))["status"] == now
            await transaction.rollback()


async def test_a_caller_cannot_widen_the_table(scratch: Database) -> None:
    with pytest.raises(AssertionError, match="the table allows no such move"):
        transitions.PAYMENTS.list_sources(PaymentStatus.CONFIRMED, {PaymentStatus.PREPARED})


async def test_a_missing_row_is_not_moved(scratch: Database) -> None:
    async with scratch.transaction() as connection:
        with pytest.raises(NotFound, match="there is no payment nothing"):
            await payments.move(connection, "nothing", PaymentStatus.PREPARED)


async def test_a_payment_that_goes_on_has_no_reason(scratch: Database) -> None:
    async with scratch.engine.connect() as connection, connection.begin() as transaction:
        key = await _insert(connection, transitions.PAYMENTS, PaymentStatus.QUARANTINED)
        assert await payments.move(connection, key["id"], PaymentStatus.PENDING)
        row = await _read_row(connection, transitions.PAYMENTS)
        assert (row["reason_code"], row["status_reason"]) == (None, None)
        await transaction.rollback()


@pytest.mark.parametrize(
    "changes",
    [
        {"reason_code": "because", "status_reason": "it is so"},
        {"reason_code": None, "status_reason": None},
        {"reason_code": "payee_missing", "status_reason": None},
        {"status": "prepared"},
    ],
)
async def test_a_waiting_payment_has_a_known_reason_code(
    scratch: Database, changes: dict[str, Any]
) -> None:
    async with scratch.engine.connect() as connection, connection.begin() as transaction:
        await _insert(connection, transitions.PAYMENTS, PaymentStatus.BLOCKED)
        with pytest.raises(sa.exc.IntegrityError, match="ck_payments_"):
            await connection.execute(transitions.PAYMENTS.table.update().values(**changes))
        await transaction.rollback()


async def test_a_confirmed_payment_is_not_confirmed_again(scratch: Database) -> None:
    async with scratch.engine.connect() as connection, connection.begin() as transaction:
        key = await _insert(connection, transitions.PAYMENTS, PaymentStatus.CONFIRMED)
        proof = {"ledger": 9, "confirmed_at": sa.func.now()}
        await payments.confirm(connection, key["id"], transaction_hash="aa" * 32, **proof)
        with pytest.raises(Conflict, match="is confirmed by aaaa"):
            await payments.confirm(connection, key["id"], transaction_hash="bb" * 32, **proof)
        await transaction.rollback()


def test_every_status_column_has_a_transition_table() -> None:
    having = {table.name for table in metadata.sorted_tables if "status" in table.columns}
    # What the verdict is, and what a send was answered, never changes: triggers keep both.
    assert having - {machine.table.name for machine in MACHINES} == {
        *("maintenance_windows", "sla_results", "submissions"),
    }


# An update of a status, as SQL, or as what an update or an upsert of SQLAlchemy is given.
_SQL = re.compile(
    r"\bUPDATE\s+(\w+)\s+(?:\w+\s+)?SET\b(?P<set>.*?)(\bWHERE\b|\bFROM\b|$)",
    re.IGNORECASE | re.DOTALL,
)
_STATUS = re.compile(r"(?<![.\w])status\s*=", re.IGNORECASE)


def _list_texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        # An interpolated value is not text of this module.
        yield "".join(
            each.value if isinstance(each, ast.Constant) else "{}" for each in node.values
        )


def find_status_updates(source: str) -> list[int]:
    """Return the lines of a module that update a status."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for said in _list_texts(node):
            if any(_STATUS.search(match["set"]) for match in _SQL.finditer(said)):
                found.append(node.lineno)
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called == "values" and "update(" in ast.unparse(node.func):
            given = [keyword.arg for keyword in node.keywords]
            dicts = [each for each in ast.walk(node) if isinstance(each, ast.Dict)]
            keys = [getattr(key, "value", None) for each in dicts for key in each.keys]
            found += [node.lineno] if "status" in [*given, *keys] else []
        if called == "on_conflict_do_update":
            constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            found += [node.lineno] if "status" in constants else []
    return found


@pytest.mark.parametrize(
    "source",
    [
        "text(\"UPDATE payments SET status = 'on_hold' WHERE id = 1\")",
        'text(f"""WITH x AS (UPDATE attempts SET reason = 1, status = {to} WHERE n = 1) SELECT 1""")',
        "update(payments).where(payments.c.id == 1).values(status=to)",
        'update(payments).values({"status": to})',
        'update(payments).values(**(changes | {"status": to}))',
        'insert(payments).on_conflict_do_update(set_={"status": to})',
    ],
)
def test_an_update_of_a_status_elsewhere_is_detected(source: str) -> None:
    assert set(find_status_updates(source)) == {1}


def test_no_module_updates_a_status_outside_transitions() -> None:
    found = {
        f"{get_name(path)}:{line}"
        # No migration is among them: a later one may update a status once.
        for path in list_modules((*PRODUCTION, DEVSTACK))
        if get_name(path) != "adapters/postgres/transitions.py"
        for line in find_status_updates(path.read_text())
    }
    assert found == set()


async def test_no_database_function_updates_a_status(scratch: Database) -> None:
    async with scratch.autocommit() as connection:
        rows = await connection.execute(
            text("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        )
        bodies = {row.proname: row.prosrc for row in rows}
    assert "check_floor" in bodies
    for name, body in bodies.items():
        moved = [match for match in _SQL.finditer(body) if _STATUS.search(match["set"])]
        assert moved == [], name
