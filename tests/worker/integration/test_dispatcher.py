"""What is due is found in the database and posted once, by whoever is there; no receiver is in another's way."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from activities.integration.receiver_limits import ReceiverLimits
from devstack.environment.stack import Stack
from domain.deliveries import (
    ATTEMPTS_MAX,
    CONCURRENT_POSTS,
    CONCURRENT_POSTS_FAILING,
    FAILING,
    LEASE,
    POSTS_PER_SECOND,
    DeliveryAttempt,
)
from domain.webhooks import verify
from services.integration.deliveries.claim_due import claim_due
from services.integration.deliveries.record_attempts import AnsweredPost, record_attempts
from services.integration.webhooks.change_webhook import ChangeWebhook, change_webhook
from services.integration.webhooks.delete_webhook import DeleteWebhook, delete_webhook
from tests.testkit import stacks
from tests.testkit.api_client import wait_until
from tests.testkit.integration.delivery_driver import BY, DeliveryDriver
from tests.testkit.webhook_receiver import DrippingReceiver, WebhookReceiver


@pytest.fixture
async def driver(stack: Stack, temporal: Client) -> AsyncIterator[DeliveryDriver]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield DeliveryDriver(database, temporal)


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        yield one


def count_ids(receiver: WebhookReceiver) -> Counter[str]:
    return Counter(each.headers["webhook-id"] for each in receiver.received)


async def wait_for(driver: DeliveryDriver, condition: str, count: int) -> None:
    async def look() -> bool:
        return await driver.count(condition) == count

    await wait_until(look, f"{count} deliveries are {condition}")


async def test_two_dispatchers_post_what_is_due_once(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    secret = await driver.subscribe(receiver.url)
    async with driver.dispatch(), driver.dispatch():
        ids = await driver.publish(60)
        await wait_for(driver, "status = 'success'", 60)
    assert count_ids(receiver) == Counter(ids)
    first = receiver.received[0]
    assert verify(secret, first.headers, first.body, int(datetime.now(UTC).timestamp()))
    assert await driver.count("due_at IS NULL AND leased_until IS NULL AND attempts = 1") == 60


async def test_a_dripping_receiver_delays_no_other(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    async with DrippingReceiver() as dripping:
        await driver.subscribe(dripping.url, "whk_drips")
        await driver.subscribe(receiver.url)
        await driver.publish(3 * CONCURRENT_POSTS)
        began = datetime.now(UTC)
        async with driver.dispatch():
            good = "webhook_id = 'whk_1' AND status = 'success'"
            await wait_for(driver, good, 3 * CONCURRENT_POSTS)
            # Nobody waited for the first attempts at the other, which are still on their way.
            assert datetime.now(UTC) - began < timedelta(seconds=driver.attempt_seconds)
            assert dripping.open_posts == dripping.most_open == CONCURRENT_POSTS
            # What was posted in vain is on record as an attempt: nothing is posted again unseen.
            tried = "webhook_id = 'whk_drips' AND attempts = 1 AND problem LIKE '%not answered%'"
            await wait_for(driver, tried, CONCURRENT_POSTS)


async def test_one_that_keeps_failing_has_one_post_at_a_time(driver: DeliveryDriver) -> None:
    async with DrippingReceiver() as dripping:
        await driver.subscribe(dripping.url)
        await driver.change("webhooks", f"failures = {FAILING}, failing_since = now()")
        await driver.publish(5)
        async with driver.dispatch():
            await wait_until(lambda: _is_open(dripping), "a post is on its way")
            assert await driver.count("leased_until > now()") == CONCURRENT_POSTS_FAILING
        assert dripping.most_open == CONCURRENT_POSTS_FAILING


async def _is_open(receiver: DrippingReceiver) -> bool:
    return receiver.open_posts > 0


async def test_what_a_killed_process_had_claimed_is_found_again(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(3)
    claimed = await claim_due(driver.database, {}, 100)
    assert len(claimed) == 3
    assert await claim_due(driver.database, {}, 100) == []
    await driver.change("deliveries", f"leased_until = leased_until - interval '{LEASE}'")
    async with driver.dispatch():
        await wait_for(driver, "status = 'success'", 3)
    assert max(count_ids(receiver).values()) == 1


async def test_one_that_failed_gets_a_workflow_that_goes_on_later(
    driver: DeliveryDriver, receiver: WebhookReceiver, temporal: Client
) -> None:
    receiver.answers = [500]
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    async with driver.dispatch():
        await wait_for(driver, "status = 'pending' AND attempts = 1 AND due_at IS NULL", 1)
    waiting = await driver.find_id()
    described = await temporal.get_workflow_handle(f"webhook/{waiting}").describe()
    assert described.status is not None
    assert described.status.name == "RUNNING"
    await temporal.get_workflow_handle(f"webhook/{waiting}").terminate()
    assert len(receiver.received) == 1


async def test_one_whose_workflow_nobody_could_start_is_handed_over_not_posted(
    driver: DeliveryDriver, receiver: WebhookReceiver, temporal: Client
) -> None:
    """The process was killed between recording the attempt and starting the workflow."""
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    (pending,) = await claim_due(driver.database, {}, 100)
    now = datetime.now(UTC)
    then = now + timedelta(minutes=5)
    what = (500, "it answered 500", "", then, pending.due_at)
    failed = DeliveryAttempt(pending.id, 1, now, 5, *what)
    await record_attempts(driver.database, [AnsweredPost(failed, "whk_1", "corr-1")])
    assert await driver.count("due_at IS NOT NULL") == 1
    await driver.change("deliveries", "leased_until = now()")
    async with driver.dispatch():
        await wait_for(driver, "due_at IS NULL", 1)
    assert receiver.received == []
    await temporal.get_workflow_handle(f"webhook/{pending.id}").terminate()


async def test_a_pause_holds_and_activating_makes_everything_due(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.change("webhooks", "active = false")
    await driver.publish(4)
    # One of them was left to a workflow before.
    await driver.change(
        "deliveries",
        "due_at = CASE WHEN id = (SELECT min(id) FROM deliveries) THEN NULL ELSE due_at END",
    )
    assert await claim_due(driver.database, {}, 100) == []
    async with driver.dispatch():
        command = ChangeWebhook("whk_1", {"active": True}, None, BY, datetime.now(UTC))
        await change_webhook(driver.database, command)
        await wait_for(driver, "status = 'success'", 4)
    assert len(receiver.received) == 4


async def test_a_disabled_receiver_is_probed_and_recovers(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    receiver.answers = [500]
    await driver.subscribe(receiver.url)
    disabled = "active = false, disabled_at = now(), disabled_reason = 'it failed', failures = 25"
    await driver.change("webhooks", f"{disabled}, failing_since = now(), probe_at = now()")
    await driver.publish(5)
    async with driver.dispatch():
        await wait_for(driver, "attempts = 1", 1)
        assert len(receiver.received) == 1  # the others wait until it is back
        await driver.change("webhooks", "probe_at = now()")
        await wait_for(driver, "status = 'success'", 6)
    kinds = [json.loads(each.body)["type"] for each in receiver.received]
    assert kinds.count("webhook.recovered") == 1


async def test_a_disabled_receiver_to_whom_nothing_is_due_is_probed_by_what_waits(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    """Each has failed before, and has a workflow that tries it again some day."""
    await driver.subscribe(receiver.url)
    await driver.publish(3)
    handed_over = "due_at = NULL, attempts = 1, next_attempt_at = now() + interval '1 day'"
    await driver.change("deliveries", handed_over)
    disabled = "active = false, disabled_at = now(), disabled_reason = 'it failed', failures = 25"
    await driver.change("webhooks", f"{disabled}, failing_since = now(), probe_at = now()")
    async with driver.dispatch():
        await wait_for(driver, "status = 'success'", 4)
    assert await driver.count("webhook_id IN (SELECT id FROM webhooks WHERE active)") == 4


async def test_a_probe_that_is_not_taken_gives_nothing_up(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    """While a subscription is not active everything waits, whatever it was probed with and however often."""
    receiver.answers = [500]
    await driver.subscribe(receiver.url)
    await driver.publish(1)
    await driver.change("deliveries", f"attempts = {ATTEMPTS_MAX - 1}")
    disabled = "active = false, disabled_at = now(), disabled_reason = 'it failed', failures = 25"
    await driver.change("webhooks", f"{disabled}, failing_since = now(), probe_at = now()")
    async with driver.dispatch():
        await wait_for(driver, f"status = 'pending' AND attempts = {ATTEMPTS_MAX}", 1)
        await driver.change("webhooks", "probe_at = now()")
        await wait_for(driver, "status = 'success'", 2)


async def test_a_probe_that_is_answered_410_and_a_persons_pause_are_the_last(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    receiver.answers = [410]
    await driver.subscribe(receiver.url)
    disabled = "active = false, disabled_at = now(), disabled_reason = 'it failed', failures = 25"
    probed = f"{disabled}, failing_since = now(), probe_at = now()"
    await driver.change("webhooks", probed)
    await driver.publish(1)
    never = "webhook_id IN (SELECT id FROM webhooks WHERE NOT active AND probe_at IS NULL)"
    async with driver.dispatch():
        await wait_for(driver, f"status = 'failed' AND {never}", 1)
    await driver.change("webhooks", probed)
    command = ChangeWebhook("whk_1", {"active": False}, None, BY, datetime.now(UTC))
    await change_webhook(driver.database, command)
    assert await driver.count(never) == 1


async def test_what_was_meant_for_a_subscription_that_ended_is_given_up(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    await driver.subscribe(receiver.url)
    await driver.publish(2)
    # One of them was being written while the subscription ended.
    late = "due_at = CASE WHEN id = (SELECT min(id) FROM deliveries) THEN NULL ELSE due_at END"
    await driver.change("deliveries", late)
    await delete_webhook(driver.database, DeleteWebhook("whk_1", BY, datetime.now(UTC)))
    assert await driver.count("status = 'failed' AND due_at IS NULL") == 1
    await driver.change("deliveries", "due_at = CASE WHEN status = 'pending' THEN now() END")
    async with driver.dispatch():
        await wait_for(driver, "status = 'failed' AND due_at IS NULL", 2)
    assert receiver.received == []


def test_so_many_posts_to_one_receiver_leave_in_a_second() -> None:
    now = [100.0]
    limits = ReceiverLimits(lambda: now[0])
    assert limits.list_busy() == {}
    sent = 0
    while limits.has_room("whk_1", 0):
        limits.take("whk_1")
        limits.release("whk_1")
        sent += 1
    assert sent == POSTS_PER_SECOND
    assert limits.has_room("whk_2", 0)
    now[0] += 0.25
    room = limits.list_busy()["whk_1"]
    assert (room.posts, room.rate) == (0, POSTS_PER_SECOND // 4)
    now[0] += 1
    assert limits.list_busy() == {}


@pytest.mark.parametrize(("failures", "most"), [(0, CONCURRENT_POSTS), (FAILING, 1)])
def test_so_many_posts_to_one_receiver_are_on_their_way(failures: int, most: int) -> None:
    limits = ReceiverLimits()
    taken = 0
    while limits.has_room("whk_1", failures):
        limits.take("whk_1")
        taken += 1
    assert taken == most
    limits.release("whk_1")
    assert limits.has_room("whk_1", failures)


async def test_many_old_ones_of_one_receiver_are_not_in_the_way_of_a_new_one(
    driver: DeliveryDriver, receiver: WebhookReceiver
) -> None:
    await driver.subscribe(receiver.url, "whk_old")
    await driver.publish(10, "old")
    await driver.subscribe(receiver.url, "whk_new")
    await driver.change("deliveries", "due_at = due_at - interval '1 hour'")
    await driver.publish(1, "new")
    claimed = await claim_due(driver.database, {}, 3)
    assert [each.webhook_id for each in claimed].count("whk_new") == 1
