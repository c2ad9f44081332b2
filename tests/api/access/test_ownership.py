"""A claimant sees what concerns their own party: on every route, by key and by session, and nothing else."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from stellar_sdk import Keypair

from adapters.postgres.database import Database
from domain.access.permissions import PERMISSIONS, Permission, Role
from tests.testkit.access.browser import Browser, open_session
from tests.testkit.access.ownership_rules import Kind, list_rules
from tests.testkit.access.served_routes import ServedRoute, list_routes
from tests.testkit.access.two_parties import (
    PartyData,
    build_party,
    open_claimant,
    open_client,
    save_key,
)
from tests.testkit.api_client import START
from tests.testkit.described_app import get_app

RULES = list_rules()
MISSING = "not-there-0"
NOBODYS = Keypair.random().public_key
READS = [name for name in RULES if name.startswith("GET ")]
# How a list may be asked for what is another party's.
FILTERS = {
    "GET /agreements": ("party",),
    "GET /outages": ("site", "agreement", "search"),
    "GET /outages/export": ("site", "agreement", "search"),
    "GET /outages/violations": ("site", "agreement", "search"),
    "GET /sla/analytics/dashboard": ("site", "agreement"),
    "GET /sla/analytics/exposure": ("site", "agreement"),
    "GET /sla/analytics/forecast": ("site", "agreement"),
    "GET /sla/analytics/mttr": ("site", "agreement"),
    "GET /sla/analytics/trends": ("site", "agreement"),
    "GET /sla/performance/aggregation": ("site", "agreement"),
    "GET /exports/outages": ("site", "agreement", "search"),
    "GET /exports/verdicts": ("site", "agreement", "outage_id"),
    "GET /exports/analytics": ("site",),
    "GET /exports/disputes": ("outage_id", "agreement"),
    "GET /exports/payments": ("outage_id",),
    "GET /exports/finance": ("agreement",),
    "GET /sla/disputes": ("outage_id",),
    "GET /payments": ("outage_id",),
    "GET /payments/export": ("outage_id",),
    "GET /wallets": ("owner",),
    "GET /events": (),
}


@pytest.fixture(scope="module")
async def mine(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database)


@pytest.fixture(scope="module")
async def theirs(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database, "beneficiary")


@pytest.fixture(scope="module")
async def claimants(
    api: httpx.AsyncClient, mine: PartyData
) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Somebody of `mine`: a program with its key, and a person in a browser."""
    async with open_claimant(api, mine) as client, Browser(str(api.base_url)) as browser:
        await open_session(browser, mine.person)
        yield {"key": client, "session": browser}


@pytest.fixture(params=["key", "session"])
def claimant(
    request: pytest.FixtureRequest, claimants: dict[str, httpx.AsyncClient]
) -> httpx.AsyncClient:
    return claimants[request.param]


def list_routes_of_api() -> list[ServedRoute]:
    """The pages of /console have rules of their own: tests/testkit/console/console_rules.py."""
    found = list_routes(get_app())
    return [each for each in found if not each.path.startswith("/console")]


def test_it_is_decided_for_every_route_whose_data_it_shows() -> None:
    served = {f"{each.method} {each.path.removeprefix('/api/v1')}" for each in list_routes_of_api()}
    assert served == set(RULES), (
        "a route is new or gone: say in ownership_rules.py whose data it shows"
    )
    assert {name for name in READS if RULES[name].kind is Kind.MANY} == set(FILTERS)


def test_claimants_are_let_in_by_a_scope_alone() -> None:
    narrow = {Permission.OWN_READ, Permission.OWN_DISPUTE, Permission.OWN_WALLETS}
    for route in list_routes_of_api():
        rule = RULES[f"{route.method} {route.path.removeprefix('/api/v1')}"]
        open_to_claimants = rule.kind in {Kind.ONE, Kind.EMPTY, Kind.MANY, Kind.MADE, Kind.OWNING}
        assert route.permissions - narrow == ({rule.permission} - {None}), route
        assert len(route.permissions & narrow) == int(open_to_claimants), route


def list_values(data: PartyData | None, name: str) -> dict[str, str]:
    """Return what the names in a path stand for: things of a party, or of nobody."""
    if data is None:
        return dict.fromkeys(("outage_id", "dispute_id", "payment_id", "agreement"), MISSING) | {
            "address": NOBODYS,
            "holder": MISSING if "status" in name else NOBODYS,
        }
    return {
        "outage_id": data.outage_id,
        "dispute_id": data.dispute_id,
        "payment_id": data.payment_id,
        "agreement": data.agreement,
        "address": data.address,
        "holder": data.party if "status" in name else data.address,
    }


async def ask(
    client: httpx.AsyncClient, name: str, data: PartyData | None, method: str = "", **params: str
) -> httpx.Response:
    """Ask a route for something of a party, with a body that it takes where claimants may call it."""
    values = {"role": "provider", "severity": "low"} | list_values(data, name)
    meant, path = name.split(" ")
    path = re.sub(r"\{([^}]+)\}", lambda found: values.get(found[1], MISSING), path)
    body: Any = None if meant in {"GET", "DELETE"} else "of no use"
    if name == "GET /sla/analytics/trends":
        params |= {"date_from": f"{START:%F}", "date_to": f"{START:%F}"}
    if name == "GET /sla/calculate":
        params |= {"outage_id": values["outage_id"], "severity": "low", "mttr_minutes": "5"}
    if name == "POST /sla/disputes":
        outage_id = MISSING if data is None else data.undisputed
        body = {"outage_id": outage_id, "reason": "it was repaired sooner"}
    if name.endswith("/withdraw"):
        body = {"note": "found the log"}
    if name.endswith("/proofs"):
        body = {"transaction_xdr": "AAAA"}
    return await client.request(method or meant, path.lstrip("/"), json=body, params=params)


def check_silent(answer: httpx.Response, other: PartyData, asked_by: dict[str, str]) -> None:
    """Nothing of the other party is in the answer but what the request has named."""
    said = answer.text + str(answer.headers)
    for word in other.words - set(asked_by.values()):
        assert word not in said, (answer.request.url, word)


def strip(answer: httpx.Response, values: dict[str, str]) -> tuple[int, str]:
    """Return an answer without what the request has named, and without what differs each time."""
    said = answer.text
    for value in sorted(set(values.values()), key=len, reverse=True):
        said = said.replace(value, "X")
    body = json.loads(said) if said.startswith("{") else said
    if isinstance(body, dict):
        body.pop("correlation_id", None)
        body.pop("at", None)
    return answer.status_code, json.dumps(body, sort_keys=True)


def list_names(*kinds: Kind) -> list[str]:
    return [name for name, rule in RULES.items() if rule.kind in kinds]


async def test_what_is_closed_to_claimants_is_refused_whatever_they_name(
    claimant: httpx.AsyncClient, mine: PartyData, theirs: PartyData
) -> None:
    for name in list_names(Kind.CLOSED):
        for data in (mine, theirs, None):
            answer = await ask(claimant, name, data)
            assert answer.status_code == 403, name
            assert "which the role claimant does not have" in answer.json()["detail"], name
            check_silent(answer, theirs, list_values(data, name))


@pytest.mark.parametrize(
    "name", [each for each in list_names(Kind.ONE, Kind.EMPTY) if each in READS]
)
async def test_one_thing_of_another_party_is_as_if_it_were_not_there(
    name: str, claimant: httpx.AsyncClient, mine: PartyData, theirs: PartyData
) -> None:
    own, other, none = [await ask(claimant, name, data) for data in (mine, theirs, None)]
    assert own.status_code == 200, own.text
    check_silent(own, theirs, {})
    if RULES[name].kind is Kind.EMPTY and "manual-match" not in name:
        assert mine.address in own.text
    assert other.status_code == (200 if RULES[name].kind is Kind.EMPTY else 404), other.text
    asked = list_values(theirs, name)
    assert strip(other, asked) == strip(none, list_values(None, name))
    check_silent(other, theirs, asked)
    heads = [await ask(claimant, name, data, "HEAD") for data in (theirs, None)]
    assert {head.status_code for head in heads} == {other.status_code}
    assert "etag" not in other.headers or other.headers["etag"] == none.headers["etag"]


@pytest.mark.parametrize("name", list_names(Kind.MANY))
async def test_a_list_has_what_is_their_own_and_no_trace_of_the_rest(
    name: str, claimant: httpx.AsyncClient, mine: PartyData, theirs: PartyData
) -> None:
    whole = await ask(claimant, name, None)
    assert whole.status_code == 200, whole.text
    check_silent(whole, theirs, {})
    if "analytics" not in name and "performance" not in name:
        assert any(word in whole.text for word in mine.words), name
    if isinstance(shown := whole.json() if "json" in whole.headers["content-type"] else None, dict):
        assert shown.get("total", len(shown.get("items", ()))) == len(shown.get("items", ()))
        assert shown.get("total_outages", 3) == 3
    if "trends" in name:
        assert [each["total_outages"] for each in whole.json()] == [3]
    said = {"site": theirs.site, "agreement": theirs.agreement, "search": theirs.site}
    said |= {"outage_id": theirs.outage_id, "owner": theirs.party, "party": theirs.party}
    for each in FILTERS[name]:
        asked, unknown = {each: said[each]}, {each: MISSING}
        other = await ask(claimant, name, None, **asked)
        check_silent(other, theirs, asked)
        none = await ask(claimant, name, None, **unknown)
        assert strip(other, asked) == strip(none, unknown)


@pytest.mark.parametrize(
    "name", [each for each in list_names(Kind.ONE) if not each.startswith("GET")]
)
async def test_what_another_party_has_can_no_more_be_changed_than_what_nobody_has(
    name: str, claimant: httpx.AsyncClient, theirs: PartyData
) -> None:
    other, none = [await ask(claimant, name, data) for data in (theirs, None)]
    assert (other.status_code, none.status_code) == (404, 404), other.text
    asked = list_values(theirs, name) | {"undisputed": theirs.undisputed}
    assert strip(other, asked) == strip(none, list_values(None, name))
    check_silent(other, theirs, asked)


@pytest.mark.parametrize("name", list_names(Kind.OWNING))
async def test_a_wallet_is_registered_for_ones_own_party_alone(
    name: str, claimant: httpx.AsyncClient, mine: PartyData, theirs: PartyData
) -> None:
    fields = ("address", "owner") if name == "POST /wallets" else ("public_key", "user_id")
    path = name.split(" ")[1].lstrip("/")
    for owner in (theirs.party, theirs.person.id, theirs.person.email, MISSING):
        body = dict(zip(fields, (theirs.address, owner), strict=True))
        answer = await claimant.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert "must be yourself, your party" in answer.text
        check_silent(answer, theirs, {"owner": owner})
    # Whoever has registered it too is not told, nor hindered.
    body = dict(zip(fields, (theirs.address, mine.party), strict=True))
    answer = await claimant.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    check_silent(answer, theirs, {"address": theirs.address})


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.CLAIMANT], ids=str)
async def test_every_other_role_sees_both_parties_or_is_refused(
    role: Role, api: httpx.AsyncClient, database: Database, mine: PartyData, theirs: PartyData
) -> None:
    key = f"key-of-somebody-who-sees-as-{role}"
    await save_key(database, f"sees-as-{role}", role, key)
    granted = PERMISSIONS[role] - {Permission.SELF_MANAGE}
    async with open_client(api, key) as client:
        for name, rule in RULES.items():
            may = rule.permission in granted
            if rule.permission is None or (may and name not in READS):
                continue  # what it would change, test_permissions.py asks of what is not there
            # Who is refused is refused before anybody looks what was named.
            for data in (mine, theirs, None) if may else (theirs,):
                answer = await ask(client, name, data)
                assert (answer.status_code != 403) is may, (name, answer.text)
                if may and rule.kind in (Kind.ONE, Kind.EMPTY, Kind.MANY) and data is not None:
                    assert answer.status_code == 200, (name, answer.text)
