"""Imports that jobs do: which job imports a file, and how far it is."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Integer, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import imports, jobs
from domain.jobs.file_imports import PROBLEMS_SHOWN, ImportProgress
from domain.jobs.jobs import JobStatus
from domain.sla.bulk.import_plans import ImportPlan
from domain.sla.bulk.problem_files import FileProblem
from domain.sla.imports import RowProblem

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


async def lock_digest(connection: AsyncConnection, digest: str) -> None:
    """Keep others from beginning with the same file until the transaction ends."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(digest))))


async def find_import(connection: AsyncConnection, digest: str, plan: ImportPlan) -> str | None:
    """
    Return the job that does with a file what a plan asks for, or has imported all of it in that way; what was wrong is
    tried again. One that runs by another rule may record a part of a file of which all or nothing is wanted.
    """
    wrong = jobs.c.result["wrong"].astext.cast(Integer)
    asked = jobs.c.parameters
    found: str | None = await connection.scalar(
        select(imports.c.job_id)
        .join(jobs, jobs.c.id == imports.c.job_id)
        .where(
            imports.c.digest == digest,
            imports.c.mode == plan.mode,
            imports.c.dry_run.is_(False),
            asked["form"].astext == plan.form,
            asked["agreement"].astext == plan.agreement,
            or_(
                # One that is to be cancelled will not import the rest of it.
                jobs.c.status.in_(_UNFINISHED)
                & jobs.c.cancel_requested_at.is_(None)
                & (asked["rule"].astext == plan.rule),
                (jobs.c.status == JobStatus.DONE) & (wrong == 0),
            ),
        )
        .order_by(imports.c.created_at.desc())
        .limit(1)
    )
    return found


async def advance(
    connection: AsyncConnection,
    import_id: str,
    progress: ImportProgress,
    problems: Sequence[FileProblem],
    *,
    recorded: bool = True,
) -> None:
    """Note how far an import is, and the first problems of its rows."""
    found = [asdict(RowProblem(each.source.number, each.field, each.message)) for each in problems]
    known = func.jsonb_array_length(imports.c.problems)
    changes = {
        "imported": progress.imported if recorded else 0,
        "skipped": progress.skipped,
        "wrong": progress.wrong,
    }
    await connection.execute(update(imports).where(imports.c.id == import_id).values(**changes))
    if found:
        await connection.execute(
            update(imports)
            .where(imports.c.id == import_id, known < PROBLEMS_SHOWN)
            .values(problems=imports.c.problems.concat(found))
        )
