"""Each page and each form, for each role: who is let in, and what they are offered there."""

import httpx
import pytest

from adapters.postgres.database import Database
from domain.access.permissions import Permission as P
from domain.access.permissions import Role
from tests.api.console.conftest import OpenPages
from tests.testkit.access.served_routes import list_routes
from tests.testkit.access.two_parties import PartyData, build_party
from tests.testkit.api_client import declare_outage, resolve_outage
from tests.testkit.console.console_rules import CONSOLE_RULES, list_pages
from tests.testkit.console.page_browser import PageBrowser
from tests.testkit.described_app import get_app

ROUTES = {
    f"{each.method} {each.path}": each
    for each in list_routes(get_app())
    if each.path.startswith("/console")
}
NO_ACTION = {Role.VIEWER, Role.AUDITOR}


@pytest.fixture(scope="module")
async def mine(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database)


@pytest.fixture(scope="module")
async def theirs(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database, "beneficiary")


def test_it_is_decided_for_every_page_and_form_who_may_use_it() -> None:
    assert {name: each.permissions for name, each in ROUTES.items()} == CONSOLE_RULES


@pytest.mark.parametrize("role", list(Role), ids=str)
async def test_each_role_sees_the_pages_of_its_permissions(
    role: Role, pages: OpenPages, mine: PartyData
) -> None:
    browser = await pages(role, party=mine.party if role is Role.CLAIMANT else None)
    offered = {link.partition("#")[0] for link in browser.page.links}
    for path in list_pages():
        allowed = ROUTES[f"GET {path}"].allows(role, by_key=False)
        await browser.open(path.replace("{outage_id}", mine.undisputed))
        assert browser.status == (200 if allowed else 403), (path, browser.page.refusal)
        if not allowed:
            assert f"which the role {role} does not have" in browser.page.refusal
        if "{" not in path:
            assert (path in offered) is allowed, path


@pytest.mark.parametrize("role", list(Role), ids=str)
async def test_each_role_is_offered_what_it_may_do_and_nothing_else(
    role: Role, pages: OpenPages, mine: PartyData
) -> None:
    """The outage is disputable; and the other one is disputed."""
    party = mine.party if role is Role.CLAIMANT else None
    browser = await pages(role, f"/console/outages/{mine.undisputed}", party=party)
    expected: dict[Role, set[str]] = {
        Role.ADMIN: {"reopen", "amend", "disputes", "void"},
        Role.OPERATOR: {"reopen", "amend", "disputes"},
        Role.CLAIMANT: {"disputes"},
    }
    assert browser.page.list_actions() == expected.get(role, set())
    await browser.open(f"/console/outages/{mine.disputed}")
    decides = {"decide"} if role in {Role.ADMIN, Role.OPERATOR, Role.FINANCE} else set()
    assert {"decide"} & browser.page.list_actions() == decides
    if role in NO_ACTION:
        assert browser.page.list_actions() == set()
        await browser.open("/console/attention")
        assert browser.page.list_actions() == set()


async def test_a_claimant_sees_their_own_party_and_no_trace_of_another(
    pages: OpenPages, mine: PartyData, theirs: PartyData
) -> None:
    browser = await pages(Role.CLAIMANT, party=mine.party)
    for path in ("/console", "/console/outages", "/console/analytics"):
        await browser.open(path)
        assert browser.status == 200
        for word in theirs.words:
            assert word not in browser.text, (path, word)
    await browser.open("/console/outages")
    assert mine.outage_id in browser.text
    await browser.open(f"/console/outages/{mine.outage_id}")
    assert mine.payment_id in browser.text
    assert "webhook." not in browser.page.words
    await browser.open(f"/console/outages/{theirs.outage_id}")
    assert browser.status == 404
    own = mine.undisputed
    await browser.open(f"/console/outages/{own}")
    form = browser.page.find_form("/disputes")
    form.action = form.action.replace(own, theirs.undisputed)
    await browser.send(form, reason="it was repaired sooner")
    assert browser.status == 404


@pytest.mark.parametrize(
    "name", [n for n in CONSOLE_RULES if n.startswith("POST") and CONSOLE_RULES[n]]
)
async def test_a_form_without_the_token_of_its_session_changes_nothing(
    name: str, pages: OpenPages, stranger: PageBrowser
) -> None:
    browser = await pages(Role.ADMIN)
    path = ROUTES[name].example
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "of-nobody"}):
        answer = await browser.client.post(path, data={"reason": "x", **token})
        assert answer.status_code == 403, name
        assert "this form is of another session" in answer.text
    foreign = await browser.client.post(path, json={"reason": "x"})
    assert foreign.status_code == 403
    nobody = await stranger.client.post(path, data={"reason": "x"})
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/console/login")


async def test_a_refused_form_has_changed_nothing(pages: OpenPages, api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    before = (await api.get(f"/outages/{outage_id}")).json()
    viewer = await pages(Role.VIEWER)
    csrf = viewer.page.find_form("/logout").fields["csrf_token"]
    for what in ("void", "reopen", "amend", "cancel", "resolve", "disputes"):
        said = {"reason": "because", "assigned_to": "me", "csrf_token": csrf}
        answer = await viewer.client.post(f"/console/outages/{outage_id}/{what}", data=said)
        assert answer.status_code == 403
        assert "which the role viewer does not have" in answer.text
    assert (await api.get(f"/outages/{outage_id}")).json() == before
    assert P.OUTAGES_RESOLVE in CONSOLE_RULES["POST /console/outages/{outage_id}/resolve"]
