"""Runners do their work step by step, and go on where another attempt was."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from activities.jobs import recomputations, redeliveries
from activities.jobs.job_contexts import JobContext
from activities.jobs.recomputations import RecomputationRunner
from activities.jobs.redeliveries import RedeliveryRunner
from activities.jobs.runners import make_runners
from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from adapters.postgres.tables import deliveries
from devstack.environment.stack import Stack
from domain.access.webhook_secrets import SignatureScheme, SigningSecret
from domain.errors import Conflict
from domain.events import EventType
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import PERMISSIONS, JobKind, JobStep, JobStopped
from services.integration.webhooks.change_webhook import ChangeWebhook, change_webhook
from services.integration.webhooks.create_webhook import CreateWebhook, create_webhook
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from tests.testkit.jobs.job_factory import (
    BY,
    EVERY_OUTAGE,
    add_job,
    fail_deliveries,
    judge_outages,
    read_job,
)
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recomputations, redeliveries):
        monkeypatch.setattr(module, "PAGE", 10)


class DyingContext(JobContext):
    """Dies with the step after so many: as a process does, with what it had in memory."""

    steps = 0

    def make_step(self, *arguments: Any) -> JobStep:
        if self.steps == 0:
            raise KeyError("the process has died")
        self.steps -= 1
        return super().make_step(*arguments)


async def begin(database: Database, job_id: str) -> JobContext:
    return JobContext(database, await begin_job(database, job_id, AT))


async def die_after(database: Database, job_id: str, steps: int) -> JobContext:
    context = DyingContext(database, await begin_job(database, job_id, AT))
    context.steps = steps
    return context


async def read_report(database: Database, job_id: str) -> list[dict[str, Any]]:
    content, number = b"", 0
    async with database.autocommit() as connection:
        while chunk := await job_files.read_chunk(connection, job_id, FileRole.OUTPUT, number):
            content, number = content + chunk, number + 1
    return [json.loads(line) for line in content.splitlines()]


def test_every_kind_has_a_runner_and_a_permission() -> None:
    assert set(make_runners("sandbox")) == set(JobKind) == set(PERMISSIONS)


async def test_a_recomputation_says_of_each_outage_whether_its_verdict_is_the_one_on_record(
    scratch: Database,
) -> None:
    await judge_outages(scratch, "mast", 25)
    async with scratch.transaction() as connection:
        # Not by any way the product knows.
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(
            text(
                "UPDATE sla_results SET amount_stroops = -70000000 WHERE outage_id = 'mast-000013'"
            )
        )
    job = await add_job(scratch)
    context = await begin(scratch, job.id)
    result = await RecomputationRunner().run(context)
    assert result == {
        "outages": 25,
        "equal": 24,
        "different": 1,
        "different_outages": ["mast-000013"],
    }
    report = await read_report(scratch, job.id)
    assert [each["outage_id"] for each in report] == [f"mast-{n:06}" for n in range(1, 26)]
    assert [each["outage_id"] for each in report if not each["equal"]] == ["mast-000013"]
    assert report[0]["recorded"] == report[0]["recomputed"]
    assert report[12]["recorded"]["amount_stroops"] == "-70000000"
    assert (await read_job(scratch, job.id)).total == 25


async def test_a_recomputation_takes_only_the_outages_of_its_filter(scratch: Database) -> None:
    for site, count in (("one", 3), ("two", 4)):
        await judge_outages(scratch, site, count)
    for wanted, found in (
        ({"site": "two"}, 4),
        ({"severity": "low"}, 0),
        ({"since": "2026-03-01T00:00:00Z"}, 7),
        ({"since": "2026-03-01T00:00:01Z"}, 0),
        ({"until": "2026-03-01T00:00:00Z"}, 0),
        ({"agreement": "default", "site": "one"}, 3),
    ):
        job = await add_job(scratch, parameters=EVERY_OUTAGE | wanted)
        result = await RecomputationRunner().run(await begin(scratch, job.id))
        assert result["outages"] == found, wanted


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_a_report_has_every_outage_once_wherever_an_attempt_died(
    scratch: Database, steps: int
) -> None:
    await judge_outages(scratch, "mast", 25)
    job = await add_job(scratch)
    with pytest.raises(KeyError):
        await RecomputationRunner().run(await die_after(scratch, job.id, steps))
    result = await RecomputationRunner().run(await begin(scratch, job.id))
    assert (result["outages"], result["equal"]) == (25, 25)
    report = await read_report(scratch, job.id)
    assert [each["outage_id"] for each in report] == [f"mast-{n:06}" for n in range(1, 26)]


async def subscribe(database: Database) -> str:
    secret = SigningSecret(SignatureScheme.HMAC, b"sealed")
    wanted = CreateWebhook(
        "whk_one", "http://127.0.0.1:9/", [EventType.OUTAGE_CREATED], secret, BY, AT
    )
    await create_webhook(database, wanted)
    return "whk_one"


async def count_reopened(database: Database, webhook_id: str) -> tuple[int, int]:
    """Return how many deliveries are due again after three attempts, and how many are not."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            deliveries.select().where(deliveries.c.webhook_id == webhook_id)
        )
        found = [(row.status, row.earlier_attempts) for row in rows]
    return found.count(("pending", 3)), len(found) - found.count(("pending", 3))


async def test_every_delivery_that_failed_is_due_again_wherever_an_attempt_died(
    scratch: Database,
) -> None:
    webhook_id = await subscribe(scratch)
    await fail_deliveries(scratch, "run", webhook_id, 25)
    asked = {"webhook_id": webhook_id, "since": "2026-02-01T00:00:00.000000Z"}
    job = await add_job(scratch, JobKind.REDELIVERY, asked)
    with pytest.raises(KeyError):
        await RedeliveryRunner().run(await die_after(scratch, job.id, 1))
    assert await count_reopened(scratch, webhook_id) == (10, 15)
    assert (await read_job(scratch, job.id)).done == 10
    assert await RedeliveryRunner().run(await begin(scratch, job.id)) == {"deliveries": 25}
    assert await count_reopened(scratch, webhook_id) == (25, 0)


async def test_a_redelivery_ends_when_the_subscription_is_paused_or_the_job_is_cancelled(
    scratch: Database,
) -> None:
    webhook_id = await subscribe(scratch)
    await fail_deliveries(scratch, "run", webhook_id, 15)
    asked = {"webhook_id": webhook_id, "since": "2026-02-01T00:00:00.000000Z"}
    cancelled = await add_job(scratch, JobKind.REDELIVERY, asked)
    context = await begin(scratch, cancelled.id)
    await cancel_job(scratch, CancelJob(cancelled.id, BY, AT))
    with pytest.raises(JobStopped):
        await RedeliveryRunner().run(context)
    paused = await add_job(scratch, JobKind.REDELIVERY, asked)
    await change_webhook(scratch, ChangeWebhook(webhook_id, {"active": False}, None, BY, AT))
    with pytest.raises(Conflict, match="is not active: activate it, and retry"):
        await RedeliveryRunner().run(await begin(scratch, paused.id))
    assert await count_reopened(scratch, webhook_id) == (0, 15)
    assert (await read_job(scratch, paused.id)).done == 0
