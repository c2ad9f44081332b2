"""How the workflow of a job is started, whoever asked for the job: a person, or a schedule."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from domain.jobs.jobs import Job, name_workflow
from workflows.jobs.jobs import JobWorkflow

ANSWER_WITHIN = timedelta(seconds=10)


async def start_job(client: Client, job: Job) -> None:
    """Start the workflow of a job that is on record, unless it runs; the relay starts what this does not reach."""
    await client.start_workflow(
        JobWorkflow.run,
        job.order,
        id=job.workflow_id,
        task_queue="analytics",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=job.summary[:200],
        rpc_timeout=ANSWER_WITHIN,
    )


async def notify_cancelled(client: Client, job_id: str) -> None:
    """Have the workflow of a job that was cancelled look at once, also while it waits to try again."""
    handle = client.get_workflow_handle(name_workflow(job_id))
    await handle.signal(JobWorkflow.look_again, rpc_timeout=ANSWER_WITHIN)
