"""Put many declared outages on record at once, and judge those that have ended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.sla.bulk.outage_rows import add_outages, make_outage_row
from domain.audit import AuditEntry
from domain.errors import Invalid, Refused, TryAgain
from domain.events import Event
from domain.settlement.payments import JudgeOutageResult
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.agreements.bindings import Binding
from domain.sla.agreements.parts import OutagePart
from domain.sla.bulk.known_outages import name_request
from domain.sla.bulk.problem_files import FileProblem
from domain.sla.imports import name_column
from domain.sla.outages import Declaration
from services.sla.imports.plan_rows import PlannedRow
from services.sla.judgements.judge_outages import EndedOutage, judge_outages_within
from services.sla.outages.record_outage import describe_recording, make_part, make_result

Recording = tuple[Declaration, Binding, str | None]


class RowsRefused(Exception):
    """Rows that what is on record does not take; nothing that was to be recorded with them is."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(f"{len(problems)} rows are refused")
        self.problems = problems


async def record_declared_within(
    connection: AsyncConnection, rows: Sequence[PlannedRow], at: datetime, network: str
) -> list[JudgedDeclaration]:
    """
    Record rows as they were planned, with their audit entries and events, and judge those that have ended; return
    how the workflows of the new outages are started. Raises TryAgain when one was recorded by somebody else
    meanwhile, and RowsRefused where outages do not take the ends of their rows.
    """
    starts = await record_new_within(connection, rows, at)
    judged = await judge_ended_within(connection, rows, at, network)
    return [replace(each, judged=judged.get(each.outage.id)) for each in starts]


async def record_new_within(
    connection: AsyncConnection, rows: Sequence[PlannedRow], at: datetime
) -> list[JudgedDeclaration]:
    """Record those outages that are not on record, none of them judged. Raises TryAgain."""
    found = [_list_recordings(row) for row in rows if row.is_new]
    if not found:
        return []
    recordings = [each for of_row in found for each in of_row]
    added = await add_outages(
        connection,
        [make_outage_row(whole, bound, at, part_of) for whole, bound, part_of in recordings],
    )
    if len(added) < len(recordings):
        raise TryAgain("an outage of this file was declared by somebody else just now")
    changes: list[tuple[AuditEntry, Sequence[Event]]] = []
    for whole, bound, part_of in recordings:
        entry, event = describe_recording(whole, bound, at, part_of)
        changes.append((entry, [event]))
    await events.publish_all(connection, changes)
    return [_make_start(each) for each in found]


def _list_recordings(row: PlannedRow) -> list[Recording]:
    """Return what is recorded of a row: the outage under its first agreement, and its parts under others."""
    first, *others = row.bindings
    whole, outage_id = row.declaration, row.declaration.outage.id
    bound = Declaration(
        whole.outage, whole.request, first.policy.name, first.agreement, whole.fingerprint
    )
    return [
        (bound, first, None),
        *((make_part(whole, each), each, outage_id) for each in others),
    ]


def _make_start(recordings: Sequence[Recording]) -> JudgedDeclaration:
    """Return what the workflow of an outage is started with, so that it begins without an activity."""
    (whole, bound, _), *others = recordings
    parts = [
        OutagePart(part.outage.id, each.agreement, each.policy.name, part.fingerprint)
        for part, each, _ in others
    ]
    recorded = make_result(whole, whole.request.correlation_id, bound.policy, parts, created=True)
    return JudgedDeclaration.of(replace(whole, recorded=recorded))


async def judge_ended_within(
    connection: AsyncConnection, rows: Sequence[PlannedRow], at: datetime, network: str
) -> dict[str, JudgeOutageResult]:
    """Judge those that have ended, as if somebody had resolved each of them now. Raises RowsRefused."""
    ended = {row.declaration.outage.id: row for row in rows}
    asked = [
        EndedOutage(outage_id, row.resolution, name_request(outage_id))
        for outage_id, row in ended.items()
        if row.resolution is not None
    ]
    if not asked:
        return {}
    judged, refused = await judge_outages_within(connection, asked, at, network)
    if refused:
        raise RowsRefused([_describe(ended[id_], error) for id_, error in refused.items()])
    return judged


def _describe(row: PlannedRow, error: Refused) -> FileProblem:
    if isinstance(error, Invalid):
        return FileProblem(row.source, name_column(error.field), error.rule)
    return FileProblem(row.source, "end_time", str(error))
