"""Import a file of outages: read it as a stream, judge a portion, record it, start its workflows."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from temporalio import activity

from activities.jobs.job_contexts import JobContext
from domain.errors import Invalid, Stop, TryAgain
from domain.jobs.file_imports import PROBLEMS_MAX, PROBLEMS_SHOWN, ImportProgress
from domain.jobs.jobs import JobStep, JobStopped
from domain.requests import Request
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.bulk.import_plans import ImportMode, ImportPlan
from domain.sla.bulk.problem_files import (
    CONTENT_TYPE,
    FILENAME,
    FileProblem,
    render_header,
    render_problems,
)
from domain.sla.bulk.row_streams import RowStream
from domain.sla.bulk.settled_outages import SETTLED_COLUMNS
from domain.sla.bulk.source_rows import SourceRow
from domain.sla.imports import COLUMNS
from services.jobs.imports.check_portion import check_portion
from services.jobs.imports.conclude_import import ConcludeImport, conclude_import
from services.jobs.imports.find_repeated import find_repeated
from services.jobs.imports.forget_rows import forget_rows
from services.jobs.imports.record_portion import RecordPortion, record_portion
from services.jobs.imports.record_whole import RecordWhole, record_whole
from services.sla.imports.plan_rows import PlanRows, RowPlan, parse_rows, plan_rows
from services.sla.imports.record_declared import RowsRefused
from workflows.sla.outage_starts import start_workflows

# Rows of one transaction: those of a portion with workflows are fewer, so that they do not wait for their start.
PORTIONS = {ImportMode.DECLARE: 250, ImportMode.BACKFILL: 2000}
CHECKED_AT_ONCE = 2000
# Of a file of which all or none is recorded, as long as others change what its rows are about.
CHECKS_MAX = 5
CONTRADICTS = "contradicts an earlier row of this file about the same outage: correct one of them"


class ImportRunner:
    """The runner of imports; see activities/jobs/runners.py."""

    def __init__(self, network: str) -> None:
        self.network = network

    async def run(self, context: JobContext) -> dict[str, object]:
        plan = ImportPlan.parse(context.parameters)
        request = Request(context.job.asked_by, context.job.correlation_id)
        await context.open_output(FILENAME, CONTENT_TYPE)
        progress = ImportProgress(plan.checks_first)
        if context.checkpoint is None:
            context.write(render_header())
        else:
            progress = ImportProgress(**context.checkpoint)
        task = ImportTask(context, plan, request, self.network, progress)
        return await task.run()


@dataclass(frozen=True, slots=True)
class ParsedPortion:
    """Rows that are being parsed, and how many bytes were read until their end."""

    command: PlanRows
    read: int
    parsing: "asyncio.Task[RowPlan]"


@dataclass
class ImportTask:
    """One attempt of one import."""

    context: JobContext
    plan: ImportPlan
    request: Request
    network: str
    progress: ImportProgress
    starting: "asyncio.Task[None] | None" = None

    async def run(self) -> dict[str, object]:
        try:
            return await self._import()
        finally:
            await self._await_starts()

    async def _import(self) -> dict[str, object]:
        if not self.plan.checks_first:
            await self._pass_over(PORTIONS[self.plan.mode])
            return await self._conclude()
        for _ in range(CHECKS_MAX):
            if self.progress.checking:
                await self._pass_over(CHECKED_AT_ONCE)
                if self.plan.dry_run or self.progress.wrong:
                    return await self._conclude()
                await self._save(ImportProgress(checking=False))
            if await self._record_whole():
                return await self._conclude()
            await self._forget_rows()
            await self._save(ImportProgress(checking=True))
        raise TryAgain("what is on record of outages of this file changes again and again")

    async def _save(self, progress: ImportProgress) -> None:
        self.progress = progress
        await self.context.save(self.context.done, None, progress.to_json())

    async def _forget_rows(self) -> None:
        while await forget_rows(self.context.database, self.context.job.id):
            pass

    async def _conclude(self) -> dict[str, object]:
        context, progress = self.context, self.progress
        await self._forget_rows()
        async with context.begin_step(context.done, None, progress.to_json()) as step:
            command = ConcludeImport(step, self.plan, progress, self.request, datetime.now(UTC))
            return await conclude_import(context.database, command)

    async def _pass_over(self, size: int) -> None:
        """Go over the rows that are left, a portion at a time."""
        before = 0 if self.plan.checks_first is self.progress.checking else self._get_size()
        async with aclosing(self._parse_ahead(size)) as portions:
            async for portion in portions:
                command = portion.command
                parsed: RowPlan | None = await portion.parsing
                while command.rows:
                    planned = await plan_rows(self.context.database, command, parsed)
                    last = command.rows[planned.taken - 1].number
                    work = self._check if self.progress.checking else self._record
                    await work(planned, last, before + portion.read, command.at)
                    command, parsed = self._plan(command.rows[planned.taken :]), None

    async def _record_whole(self) -> bool:
        """Record all rows in one transaction; False when one is refused by now, and none is on record."""
        if self.progress.row:  # an earlier attempt has
            return True
        context = self.context

        step: JobStep | None = None

        def make_step(progress: ImportProgress) -> JobStep:
            nonlocal step
            step = context.make_step(2 * self._get_size(), None, progress.to_json())
            return step

        async with aclosing(self._list_parsed()) as portions:
            command = RecordWhole(
                *(context.job.id, self.plan, self.request, self.network, portions, make_step)
            )
            try:
                whole = await record_whole(context.database, command)
            except RowsRefused:
                return False
        assert step is not None, "it was saved"
        context.note_saved(step)
        self.progress = whole.progress
        if whole.starts:
            self.starting = asyncio.create_task(start_workflows(activity.client(), whole.starts))
        return True

    async def _list_parsed(self) -> AsyncGenerator[tuple[PlanRows, RowPlan]]:
        async with aclosing(self._parse_ahead(CHECKED_AT_ONCE)) as portions:
            async for portion in portions:
                if self.context.is_cancelled:
                    raise JobStopped(self.context.job.id)
                yield portion.command, await portion.parsing

    def _plan(self, rows: Sequence[SourceRow]) -> PlanRows:
        return PlanRows(self.plan, rows, self.request, datetime.now(UTC))

    async def _parse_ahead(self, size: int) -> AsyncGenerator[ParsedPortion]:
        """Yield portions; the next one is read and parsed while the caller has one written."""
        waiting: ParsedPortion | None = None
        try:
            async for rows, read in self._read_portions(size):
                command = self._plan(rows)
                following = ParsedPortion(
                    command, read, asyncio.create_task(asyncio.to_thread(parse_rows, command))
                )
                if waiting is not None:
                    yield waiting
                waiting = following
        except Invalid:
            # What stands before the line from which on the file cannot be read is done with first.
            if waiting is not None:
                yield waiting
            raise
        if waiting is not None:
            yield waiting

    def _get_size(self) -> int:
        return int(self.context.parameters["size"])

    async def _read_portions(self, size: int) -> AsyncIterator[tuple[list[SourceRow], int]]:
        """Yield the rows that follow the last one that is done with, and how many bytes were read for them."""
        backfilled = self.plan.mode is ImportMode.BACKFILL
        stream = RowStream(self.plan.form, SETTLED_COLUMNS if backfilled else COLUMNS)
        after, portion, read = self.progress.row, list[SourceRow](), 0
        async for chunk in self.context.read_input():
            read += len(chunk)
            for row in stream.feed(chunk):
                self.plan.check_row(row.number)
                if row.number > after:
                    portion.append(row)
                if len(portion) == size:
                    yield portion, read
                    portion = []
        if read != self._get_size():
            raise Stop(
                f"the file is not whole any more: {read} of {self._get_size()} bytes are here"
            )
        for row in stream.finish():
            self.plan.check_row(row.number)
            if row.number > after:
                portion.append(row)
        yield portion, read

    async def _check(self, planned: RowPlan, last: int, read: int, now: datetime) -> None:
        context, database = self.context, self.context.database
        found = await find_repeated(database, context.job.id, planned.rows)
        planned.problems += [
            FileProblem(each.source, "id", CONTRADICTS) for each in found.contradicting
        ]
        known = {id(each) for each in (*found.repeated, *found.contradicting)}
        right = [each for each in planned.rows if id(each) not in known]
        planned.skipped += len(found.repeated)
        progress = self._advance(planned, last, len(right))
        async with context.begin_step(read, None, progress.to_json()) as step:
            await check_portion(database, step, right)
        self.progress = progress

    async def _record(self, planned: RowPlan, last: int, read: int, now: datetime) -> None:
        """Record a portion; what turns out to be refused then is wrong, and keeps no other row out."""
        started: Sequence[JudgedDeclaration] | None = None
        while started is None:
            try:
                with self.context.keep_or_forget():
                    started = await self._record_rows(planned, last, read, now)
            except RowsRefused as refused:
                numbers = {each.source.number for each in refused.problems}
                planned.problems += refused.problems
                planned.rows = [each for each in planned.rows if each.source.number not in numbers]
        # The rows of the next portion are recorded while the workflows of this one start.
        await self._await_starts()
        if started:
            self.starting = asyncio.create_task(start_workflows(activity.client(), started))

    async def _record_rows(
        self, planned: RowPlan, last: int, read: int, now: datetime
    ) -> Sequence[JudgedDeclaration]:
        context, shown = self.context, max(0, PROBLEMS_SHOWN - self.progress.wrong)
        progress = self._advance(planned, last, len(planned.rows))
        async with context.begin_step(read, None, progress.to_json()) as step:
            command = RecordPortion(
                *(step, self.plan, progress, planned.rows, self.request, now, self.network),
                problems=planned.problems[:shown],
            )
            started = await record_portion(context.database, command)
        self.progress = progress
        return started

    async def _await_starts(self) -> None:
        if self.starting is not None:
            await self.starting
            self.starting = None

    def _advance(self, planned: RowPlan, last: int, right: int) -> ImportProgress:
        """Count a portion, and write down what is wrong with it, up to a bound."""
        problems = sorted(planned.problems, key=lambda each: each.source.number)
        notified = problems[: max(0, PROBLEMS_MAX - self.progress.wrong)]
        if notified:
            self.context.write(render_problems(notified))
        return replace(self.progress, row=last).add(right, planned.skipped, len(problems))
