"""Find out what is to be done with the rows of a file: what is new, what is on record, and what is wrong."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.bindings import read_table
from adapters.postgres.sla.bulk.known_outages import find_known
from domain.digests import compute_fingerprint
from domain.errors import Invalid
from domain.money import STROOPS_PER_UNIT
from domain.requests import Request
from domain.sla.agreements.bindings import Binding, BindingTable
from domain.sla.bulk.import_plans import ImportMode, ImportPlan
from domain.sla.bulk.known_outages import KnownOutage, check_not_cancelled
from domain.sla.bulk.problem_files import FileProblem
from domain.sla.bulk.settled_outages import SettledOutage, parse_settled_row
from domain.sla.bulk.source_rows import SourceRow
from domain.sla.imports import name_column, parse_row
from domain.sla.outages import Declaration, Outage, OutageStatus, Resolution
from domain.sla.verdicts import compute_payable, judge


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """
    A row that can be true. `settled` is of a backfill; `is_new` is whether the outage is not on record, and
    `bindings` are empty when it is.
    """

    source: SourceRow
    declaration: Declaration
    resolution: Resolution | None
    settled: SettledOutage | None
    bindings: Sequence[Binding] = ()
    is_new: bool = True

    def compute_content(self) -> str:
        """Return the digest of all that the row says of its outage."""
        settled = self.settled
        said = {
            "declared": self.declaration.fingerprint,
            "ended": None if self.resolution is None else self.resolution.resolved_at,
            "minutes": None if self.resolution is None else self.resolution.mttr_minutes,
            "amount": None if settled is None else settled.amount,
            "status": None if settled is None else settled.status,
        }
        return compute_fingerprint(said)


@dataclass(slots=True)
class RowPlan:
    """`taken` is how many of the rows it is about: the next ones have to wait for what these do."""

    rows: list[PlannedRow] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)
    skipped: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class PlanRows:
    plan: ImportPlan
    rows: Sequence[SourceRow]
    request: Request
    at: datetime


async def plan_rows(
    database: Database, command: PlanRows, parsed: RowPlan | None = None
) -> RowPlan:
    """Judge rows by what is on record; nothing is written. `parsed` is what `parse_rows` made of the same rows."""
    async with database.autocommit() as connection:
        return await plan_rows_within(connection, command, parsed)


async def plan_rows_within(
    connection: AsyncConnection, command: PlanRows, parsed: RowPlan | None = None
) -> RowPlan:
    """Do the same by what the caller sees, who may have written some of it."""
    found = await asyncio.to_thread(parse_rows, command) if parsed is None else parsed
    declarations = [each.declaration for each in found.rows]
    known = await find_known(connection, [each.outage.id for each in declarations])
    table = await read_table(connection, declarations)
    return await asyncio.to_thread(_compare_rows, found, known, table)


def _compare_rows(found: RowPlan, known: Mapping[str, KnownOutage], table: BindingTable) -> RowPlan:
    parsed, found.rows = found.rows, []
    for row in parsed:
        try:
            planned = _plan_row(row, known.get(row.declaration.outage.id), table)
        except Invalid as error:
            found.problems.append(_make_problem(row.source, error))
            continue
        if planned is None:
            found.skipped += 1
        else:
            found.rows.append(planned)
    return found


def _make_problem(source: SourceRow, error: Invalid) -> FileProblem:
    return FileProblem(source, name_column(error.field), error.rule)


def parse_rows(command: PlanRows) -> RowPlan:
    """Parse rows until one is about an outage that an earlier row is about, and says more of it."""
    found, seen = RowPlan(), dict[str, PlannedRow]()
    for source in command.rows:
        try:
            row = _parse(command, source)
        except Invalid as error:
            found.problems.append(_make_problem(source, error))
            found.taken += 1
            continue
        earlier = seen.get(row.declaration.outage.id)
        if earlier is None:
            seen[row.declaration.outage.id] = row
            found.rows.append(row)
        elif earlier.compute_content() == row.compute_content():
            found.skipped += 1
        else:
            return found
        found.taken += 1
    return found


def _parse(command: PlanRows, source: SourceRow) -> PlannedRow:
    plan, request, at = command.plan, command.request, command.at
    if source.problem:
        raise Invalid("row", source.problem)
    if plan.mode is ImportMode.BACKFILL:
        settled = parse_settled_row(source, request, at)
        return PlannedRow(
            source, _declare(settled.outage, plan, request), settled.resolution, settled
        )
    item = parse_row(source.number, source.cells, request, at)
    if item.resolution is not None and not plan.resolves:
        raise Invalid(
            "end_time", "needs the permission outages:resolve: leave it out, or ask an admin"
        )
    return PlannedRow(source, _declare(item.outage, plan, request), item.resolution, None)


def _declare(outage: Outage, plan: ImportPlan, request: Request) -> Declaration:
    return Declaration(
        outage, request, outage.policy or plan.policy, outage.agreement or plan.agreement
    )


def _plan_row(row: PlannedRow, known: KnownOutage | None, table: BindingTable) -> PlannedRow | None:
    """Return what is to be done; None when it has been done. Raises Invalid for what contradicts the record."""
    if known is None:
        return _bind(row, table)
    if known.fingerprint != row.declaration.fingerprint:
        raise Invalid(
            "id",
            f"{known.id!r} was declared before with different content: correct the row, or use another id",
        )
    if row.settled is not None:
        _check_settled(row.settled, known)
        return None
    ended = None if row.resolution is None else row.resolution.resolved_at
    if ended is None:
        return None
    if known.is_reopened:
        said = "was taken back when the outage was reopened: resolve it by its own route"
        raise Invalid("end_time", said)
    check_not_cancelled(known.id, known.status)
    if known.status is OutageStatus.DECLARED:
        return PlannedRow(row.source, row.declaration, row.resolution, None, is_new=False)
    if known.resolved_at not in (None, ended):
        raise Invalid("end_time", f"is on record as {known.resolved_at.isoformat()}")
    return None


def _check_settled(settled: SettledOutage, known: KnownOutage) -> None:
    """Refuse a settled outage that is not on record as this one."""
    if not known.settled_elsewhere:
        raise Invalid("id", f"{known.id!r} was declared here, and is settled here: leave it out")
    if known.resolved_at != settled.resolution.get_times(settled.outage)[0]:
        raise Invalid("end_time", f"is on record as {known.resolved_at}")
    amount = (known.amount_stroops or 0) // STROOPS_PER_UNIT
    if settled.amount not in (None, amount):
        raise Invalid("amount", f"is on record as {amount}")
    if settled.status not in (None, known.sla_status):
        raise Invalid("sla_status", f"is on record as {known.sla_status}")


def _bind(row: PlannedRow, table: BindingTable) -> PlannedRow:
    """Bind an outage, and refuse an end that could not be judged."""
    bindings, outage = table.bind(row.declaration), row.declaration.outage
    if row.settled is not None:
        if len(bindings) > 1:
            names = ", ".join(each.agreement for each in bindings)
            raise Invalid("agreement", f"is missing: name the one of {names} it was settled under")
        compute_payable(row.settled.judge(bindings[0].policy.terms[outage.severity]))
    elif row.resolution is not None:
        minutes = row.resolution.get_times(outage)[1]
        for bound in bindings:
            compute_payable(judge(bound.policy.terms[outage.severity], minutes))
    return PlannedRow(row.source, row.declaration, row.resolution, row.settled, bindings)
