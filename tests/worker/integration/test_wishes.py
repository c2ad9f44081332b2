"""What a person wants of a delivery holds, whatever is on its way meanwhile; and a dispatcher that stops loses nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from activities.integration.delivery_notices import DeliveryNotices
from activities.integration.delivery_poster import DeliveryPoster
from activities.integration.receiver_limits import ReceiverLimits
from activities.webhooks import WebhookActivitiesImpl
from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.subscribers.subscribers import Subscribers
from devstack.environment.stack import Stack
from domain.deliveries import (
    ATTEMPTS_MAX,
    CONCURRENT_POSTS,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
)
from services.integration.deliveries.claim_due import claim_due
from services.integration.deliveries.hand_over_deliveries import hand_over_deliveries
from services.integration.deliveries.record_attempts import AnsweredPost, record_attempts
from services.integration.deliveries.retry_delivery import RetryDelivery, retry_delivery
from services.integration.webhooks.delete_webhook import DeleteWebhook, delete_webhook
from tests.testkit import stacks
from tests.testkit.api_client import wait_until
from tests.testkit.integration.delivery_driver import BY, SECRET_KEY, DeliveryDriver
from tests.testkit.webhook_receiver import WebhookReceiver
from worker.recovery.sweeps import Sweeper
from workflows.webhooks import WebhookWorkflow

LATER = "leased_until = NULL, created_at = created_at - interval '1 hour'"


@dataclass
class WishedReceiver(WebhookReceiver):
    """While it has a post, and before it refuses that, somebody wants something."""

    wishes: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.wishes:
            self.answers = [500]
            await self.wishes.pop(0)()
        await super()._serve(reader, writer)


@dataclass
class PatientReceiver(WebhookReceiver):
    """Answers when it may; `open_posts` is how many wait for that."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    open_posts: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_posts += 1
        try:
            await self.may_answer.wait()
            await super()._serve(reader, writer)
        finally:
            self.open_posts -= 1


@pytest.fixture
async def driver(stack: Stack, temporal: Client) -> AsyncIterator[DeliveryDriver]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield DeliveryDriver(database, temporal)


@pytest.fixture
async def receiver() -> AsyncIterator[WishedReceiver]:
    async with WishedReceiver() as one:
        yield one


async def retry(driver: DeliveryDriver) -> None:
    wanted = RetryDelivery("whk_1", await driver.find_id(), BY, datetime.now(UTC))
    await retry_delivery(driver.database, wanted)


async def post_by_workflow(driver: DeliveryDriver) -> DeliveryStatus:
    """Post the only delivery as its workflow does, and give it up where that was the last attempt."""
    subscribers = Subscribers(allow_private=True, attempt_seconds=5)
    poster = DeliveryPoster(subscribers, WebhookSigner(SECRET_KEY))
    database, delivery = driver.database, Delivery(await driver.find_id())
    activities = WebhookActivitiesImpl(database, poster, ReceiverLimits(), DeliveryNotices())
    try:
        return await activities.post_delivery(delivery)
    except ApplicationError as error:
        if not error.non_retryable:
            return DeliveryStatus.PENDING
        return await activities.abandon_delivery(delivery)
    finally:
        await subscribers.close()


async def is_delivered(driver: DeliveryDriver) -> bool:
    return await driver.count("status = 'success'") == 1


@pytest.mark.parametrize("earlier", [2, ATTEMPTS_MAX - 1])
async def test_a_retry_while_an_attempt_of_its_workflow_fails_is_not_lost(
    driver: DeliveryDriver, receiver: WishedReceiver, earlier: int
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    await driver.change("deliveries", f"attempts = {earlier}, due_at = NULL, {LATER}")
    receiver.wishes = [lambda: retry(driver)]
    assert await post_by_workflow(driver) is DeliveryStatus.PENDING
    wanted = f"due_at IS NOT NULL AND next_attempt_at IS NULL AND attempts = {earlier + 1}"
    assert await driver.count(wanted) == 1
    async with driver.dispatch():
        await wait_until(lambda: is_delivered(driver), "it is delivered")
    assert len(receiver.received) == 2


async def test_a_retry_while_the_dispatchers_last_attempt_fails_is_not_lost(
    driver: DeliveryDriver, receiver: WishedReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    await driver.change("deliveries", f"attempts = {ATTEMPTS_MAX - 1}")
    receiver.wishes = [lambda: retry(driver)]
    async with driver.dispatch():
        await wait_until(lambda: _has(driver, "attempts = 18"), "the last attempt is on record")
        assert await driver.count("status = 'pending' AND due_at IS NOT NULL") == 1
        await driver.change("deliveries", "leased_until = now()")
        await wait_until(lambda: is_delivered(driver), "it is delivered")


async def test_the_last_attempt_gives_up_what_nobody_wants_anew(
    driver: DeliveryDriver, receiver: WishedReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    last = f"attempts = {ATTEMPTS_MAX - 1}, due_at = NULL, {LATER}"
    await driver.change("deliveries", last)
    receiver.answers = [500]
    assert await post_by_workflow(driver) is DeliveryStatus.FAILED
    assert await driver.count(f"due_at IS NULL AND attempts = {ATTEMPTS_MAX}") == 1


async def _has(driver: DeliveryDriver, condition: str) -> bool:
    return await driver.count(condition) == 1


async def test_what_somebody_wants_tried_while_it_is_handed_over_stays_due(
    driver: DeliveryDriver, receiver: WishedReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    claimed = await claim_due(driver.database, {}, 10)
    await retry(driver)
    await hand_over_deliveries(driver.database, claimed)
    assert await driver.count("due_at IS NOT NULL AND leased_until IS NULL") == 1
    await hand_over_deliveries(driver.database, await claim_due(driver.database, {}, 10))
    assert await driver.count("due_at IS NULL AND leased_until IS NULL") == 1


async def test_whoever_terminates_the_workflow_of_a_delivery_gives_it_up(
    driver: DeliveryDriver, receiver: WishedReceiver, temporal: Client
) -> None:
    """Until a person has it tried again: it is neither forgotten as pending, nor posted when nobody expects it."""
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    delivery_id = await driver.find_id()
    await driver.change("deliveries", f"due_at = NULL, attempts = 1, {LATER}")
    handle = await temporal.start_workflow(
        WebhookWorkflow.run,
        Delivery(delivery_id),
        id=f"webhook/{delivery_id}",
        task_queue="webhooks",
        start_delay=timedelta(hours=1),
        # Another test has had a delivery of this id.
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
    )
    sweeper = Sweeper(driver.database, temporal)
    await sweeper.sweep()
    assert await driver.count("status = 'pending'") == 1
    await handle.terminate("nobody wants it")
    await sweeper.sweep()
    given_up = "status = 'failed' AND due_at IS NULL AND problem LIKE '%was terminated%'"
    assert await driver.count(given_up) == 1
    assert receiver.received == []
    await retry(driver)
    async with driver.dispatch():
        await wait_until(lambda: is_delivered(driver), "it is delivered")


async def test_a_dispatcher_that_stops_records_what_is_on_its_way_and_leaves_the_rest_due(
    driver: DeliveryDriver,
) -> None:
    """Nothing is lost or posted twice, and no connection is left, to a receiver or to the database."""
    async with PatientReceiver() as receiver:
        await driver.subscribe(receiver.url)
        ids = await driver.publish(2 * CONCURRENT_POSTS)
        async with driver.dispatch() as dispatcher:
            await wait_until(
                lambda: _are_open(receiver), "as many posts as may be are on their way"
            )
            stopping = asyncio.create_task(dispatcher.stop())
            await asyncio.sleep(0)
            receiver.may_answer.set()
            await stopping
            assert await driver.count("status = 'success'") == CONCURRENT_POSTS
        assert (receiver.open_posts, driver.database.engine.pool.checkedout()) == (0, 0)  # type: ignore[attr-defined]
        left = "status = 'pending' AND due_at IS NOT NULL AND attempts = 0"
        assert await driver.count(left) == CONCURRENT_POSTS
        await driver.change("deliveries", "leased_until = NULL")
        async with driver.dispatch():
            await wait_until(lambda: _are_taken(driver, len(ids)), "the next one delivers the rest")
        assert Counter(each.headers["webhook-id"] for each in receiver.received) == Counter(ids)


async def test_a_dispatcher_that_stops_does_not_wait_for_ever_for_a_receiver(
    driver: DeliveryDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.integration.dispatcher.STOP_SECONDS", 0.3)
    async with PatientReceiver() as receiver:
        await driver.subscribe(receiver.url)
        await driver.publish(3)
        async with driver.dispatch():
            await wait_until(lambda: _are_open(receiver, 3), "the posts are on their way")
        assert driver.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        # Nobody knows whether they were taken: they are posted again, under the same ids.
        assert await driver.count("status = 'pending' AND due_at IS NOT NULL AND attempts = 0") == 3
        receiver.may_answer.set()
        await driver.change("deliveries", "leased_until = NULL")
        async with driver.dispatch():
            await wait_until(lambda: _are_taken(driver, 3), "the next one delivers them")


async def _are_open(receiver: PatientReceiver, count: int = CONCURRENT_POSTS) -> bool:
    return receiver.open_posts == count


async def _are_taken(driver: DeliveryDriver, count: int) -> bool:
    return await driver.count("status = 'success'") == count


async def test_a_probe_that_is_taken_when_its_subscription_has_ended_is_recorded(
    driver: DeliveryDriver, receiver: WishedReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    disabled = "active = false, disabled_at = now(), disabled_reason = 'it failed', failures = 25"
    await driver.change("webhooks", f"{disabled}, failing_since = now(), probe_at = now()")
    (pending,) = await claim_due(driver.database, {}, 100)
    await delete_webhook(driver.database, DeleteWebhook("whk_1", BY, datetime.now(UTC)))
    taken = DeliveryAttempt(pending.id, 1, datetime.now(UTC), 5, 200, due_at=pending.due_at)
    await record_attempts(driver.database, [AnsweredPost(taken, "whk_1", "corr-1")])
    assert await driver.count("status = 'success' AND attempts = 1") == 1
