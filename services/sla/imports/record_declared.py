"""Put many declared outages on record at once, and judge those that have ended."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.sla import outage_contexts
from adapters.postgres.sla.bulk.outage_rows import add_outages, make_outage_row
from domain.audit import AuditEntry
from domain.errors import Invalid, Refused, TryAgain
from domain.events import Event
from domain.sla.agreements.bindings import Binding
from domain.sla.bulk.known_outages import name_request
from domain.sla.bulk.problem_files import FileProblem
from domain.sla.imports import name_column
from domain.sla.outages import Declaration, JudgeOutageInput
from services.sla.imports.plan_rows import PlannedRow
from services.sla.outages.judge_outage import judge_outage_within
from services.sla.outages.record_outage import describe_recording, make_part

Recording = tuple[Declaration, Binding, str | None]


class RowsRefused(Exception):
    """Ends that outages on record do not take; nothing of the portion is recorded, which goes without those rows."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(f"{len(problems)} rows are refused")
        self.problems = problems


async def record_declared_within(
    connection: AsyncConnection, rows: Sequence[PlannedRow], at: datetime, network: str
) -> list[Declaration]:
    """
    Record rows as they were planned, with their audit entries and events; return the outages whose
    workflows are to be started. Raises TryAgain when one was recorded by somebody else meanwhile, and
    RowsRefused where outages that were on record do not take the ends of their rows.
    """
    recordings = [each for row in rows if row.is_new for each in _list_recordings(row)]
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
    refused = list[FileProblem]()
    for row in rows:
        if row.resolution is None:
            continue
        if row.is_new:
            await _judge(connection, row, at, network)
        elif (problem := await _try_to_judge(connection, row, at, network)) is not None:
            refused.append(problem)
    if refused:
        raise RowsRefused(refused)
    return [whole for whole, _, part_of in recordings if part_of is None]


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


async def _try_to_judge(
    connection: AsyncConnection, row: PlannedRow, at: datetime, network: str
) -> FileProblem | None:
    """Judge an outage that was on record; return why that is refused, of which nothing is written then."""
    try:
        async with connection.begin_nested():
            await _judge(connection, row, at, network)
    except Invalid as error:
        return FileProblem(row.source, name_column(error.field), error.rule)
    except Refused as error:
        return FileProblem(row.source, "end_time", str(error))
    return None


async def _judge(connection: AsyncConnection, row: PlannedRow, at: datetime, network: str) -> None:
    """Judge an outage that has ended, as if somebody had resolved it now."""
    assert row.resolution is not None, "only of rows with an end"
    outage_id = row.declaration.outage.id
    if row.bindings:
        window = row.bindings[0].policy.dispute_window_seconds
    else:
        window = (await outage_contexts.lock(connection, outage_id)).policy.dispute_window_seconds
    judging = JudgeOutageInput(outage_id, row.resolution, window, at, name_request(outage_id))
    await judge_outage_within(connection, judging, network)
