"""Two parties that have nothing to do with each other: agreements, outages, disputes, payments, wallets, people."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import update
from stellar_sdk import Keypair

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from adapters.postgres.settlement.wallets import request_payout_change
from adapters.postgres.sla.agreements.agreements import add_agreement, get_agreement
from adapters.postgres.tables import outages
from domain.access.api_keys import KeyRecord
from domain.access.people import Person
from domain.access.permissions import Role
from domain.access.scopes import EVERYTHING
from domain.settlement.owners.wallets import Payout, PayoutRole
from tests.testkit.access.browser import add_person
from tests.testkit.api_client import (
    AT_ONCE,
    STANDARD,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
)


@dataclass
class PartyData:
    """What one party has. `undisputed` is an outage whose verdict may still be disputed."""

    party: str
    agreement: str
    person: Person
    key: str
    site: str
    address: str = field(default_factory=lambda: Keypair.random().public_key)
    outage_id: str = ""
    payment_id: str = ""
    undisputed: str = ""
    disputed: str = ""
    dispute_id: str = ""
    reason: str = ""

    @property
    def words(self) -> set[str]:
        """Whatever of it nobody else may read."""
        return {
            *(self.party, self.agreement, self.person.id, self.person.email, self.site),
            *(self.address, self.outage_id, self.payment_id, self.undisputed, self.disputed),
            *(self.dispute_id, self.reason),
        }


async def add_party(database: Database, role: str = "provider") -> tuple[str, str]:
    """Put a party on record, and an agreement with it on one side; return both names."""
    mark = secrets.token_hex(6)
    party, counterparty, name = f"party-{mark}", f"counterparty-{mark}", f"agreement-{mark}"
    bound = (party, counterparty) if role == "provider" else (counterparty, party)
    async with database.transaction() as connection:
        default = await get_agreement(connection, "default", EVERYTHING)
        provider, beneficiary = bound
        wanted = replace(default, name=name, provider_party=provider, beneficiary_party=beneficiary)
        await add_agreement(connection, wanted)
    return party, name


async def save_key(
    database: Database, name: str, role: Role, key: str, *, has_party: bool = False
) -> None:
    """Put a key on record that a test has chosen; a claimant's is of a party of its own."""
    has_party = has_party or role is Role.CLAIMANT
    party = (await add_party(database))[0] if has_party else None
    id_, now = f"key_{secrets.token_hex(8)}", datetime.now(UTC)
    record = KeyRecord(id_, name, role, None, None, "tests", now, None, None, None, party)
    async with database.transaction() as connection:
        await api_keys.revoke_by_name(connection, name)
        await api_keys.add(connection, record, key)


async def give_key(api: httpx.AsyncClient, party: str) -> str:
    """Return the key of a claimant's own program."""
    said = {"name": f"claims-{secrets.token_hex(4)}", "role": "claimant", "party": party}
    given = await api.post("/api-keys", json=said)
    assert given.status_code == 201, given.text
    return str(given.json()["key"])


async def build_party(
    api: httpx.AsyncClient, database: Database, role: str = "provider"
) -> PartyData:
    """Let a party have one of everything: settled, disputed, and one that may be disputed."""
    party, agreement = await add_party(database, role)
    person = await add_person(database, Role.CLAIMANT, party=party)
    data = PartyData(party, agreement, person, await give_key(api, party), f"Mast {party}")
    data.outage_id = await _declare(api, database, data, AT_ONCE)
    data.undisputed = await _declare(api, database, data, STANDARD)
    data.disputed = await _declare(api, database, data, STANDARD)
    closed = await wait_for_lifecycle(api, data.outage_id, "closed")
    found = await api.get("/payments", params={"outage_id": closed["id"]})
    data.payment_id = str(found.json()["items"][0]["id"])
    async with open_claimant(api, data) as claimant:
        data.reason = f"power of {party} was off"
        said: dict[str, Any] = {"outage_id": data.disputed, "reason": data.reason}
        filed = await claimant.post("/sla/disputes", json=said)
        assert filed.status_code == 201, filed.text
        data.dispute_id = str(filed.json()["id"])
        registered = await claimant.post("/wallets", json={"address": data.address})
        assert registered.status_code == 201, registered.text
    now = datetime.now(UTC)
    wanted = Payout(agreement, PayoutRole.PROVIDER, data.address, now + timedelta(hours=1))
    async with database.transaction() as connection:
        await request_payout_change(connection, f"pay-{party}", wanted, person.email, now)
    return data


async def _declare(api: httpx.AsyncClient, database: Database, data: PartyData, policy: str) -> str:
    outage_id = await declare_outage(api, site_name=data.site, policy=policy)
    async with database.transaction() as connection:
        bound = update(outages).where(outages.c.id == outage_id)
        await connection.execute(bound.values(agreement=data.agreement, agreement_version=1))
    await resolve_outage(api, outage_id)
    return outage_id


def open_claimant(api: httpx.AsyncClient, data: PartyData) -> httpx.AsyncClient:
    return open_client(api, data.key)


def open_client(api: httpx.AsyncClient, key: str) -> httpx.AsyncClient:
    """Return a client like that of the admin, with another key."""
    return httpx.AsyncClient(
        base_url=api.base_url,
        headers={"X-API-Key": key},
        timeout=30,
        trust_env=False,
        event_hooks=api.event_hooks,
    )
