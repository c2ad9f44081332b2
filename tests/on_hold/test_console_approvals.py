"""Payments on hold are approved on their pages by two people, and shown there until they are made."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access.browser import add_person
from tests.testkit.api_client import wait_for_lifecycle
from tests.testkit.console.page_browser import PageBrowser
from tests.testkit.settlement.approval_client import declare_resolved_outage, wait_for_payment

PATH = "/console/attention"


@pytest.fixture
async def approvers(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> AsyncIterator[list[PageBrowser]]:
    """Two people of finance, on the page of what needs a person."""
    database = Database(limited.environment["DATABASE_URL"], connections_max=1)
    browsers = [PageBrowser(limited.url) for _ in range(2)]
    for browser in browsers:
        await browser.log_in(await add_person(database, Role.FINANCE), PATH)
    yield browsers
    for browser in browsers:
        await browser.client.aclose()
    await database.close()


async def test_two_people_approve_what_is_above_the_limit(
    approvers: list[PageBrowser], people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    first, second = approvers
    path, approve = f"/console/outages/{outage_id}", f"{payment['id']}/approve"
    page = await first.open(path)
    assert "waits for approval by a second person" in page.words
    page = await first.submit(approve, note="x" * 301)
    assert first.status == 422
    assert "note" in page.refusal
    page = await first.submit(approve, note="seen the tower")
    assert (page.done, first.path) == ("Your approval is on record.", f"{path}?done=approved")
    page = await first.submit(approve, note="once more")
    assert first.status == 409
    assert "a second person must approve it as well" in page.refusal
    page = await first.submit(f"{payment['id']}/unapprove")
    assert page.done == "Your approval is withdrawn."
    await first.submit(approve)
    page = await second.open(PATH)
    form = next(each for each in page.forms if each.action.endswith(approve))
    page = await second.send(form, note="seen the log")
    assert (page.done, second.path) == ("Your approval is on record.", f"{PATH}?done=approved")
    closed = await wait_for_lifecycle(people["admin"], outage_id, "closed", 20)
    assert closed["id"] == outage_id
    page = await second.open(path)
    assert "confirmed" in page.words
    assert "payment.approved" in page.words
    page = await second.open(PATH)
    assert payment["id"] not in second.text
