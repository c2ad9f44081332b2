"""The facade starts only on settings that agree with the journal on who pays whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.settlement import limits
from adapters.postgres.sla.agreements import agreements
from adapters.postgres.tables import audit_entries
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.settlement.limits import Limits
from domain.sla.agreements.agreements import Agreement
from services.access.bootstrap import bootstrap, check_agreement
from services.settlement.limits.set_limits import set_limits
from tests.conftest import KEY
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import NOW

KEPT = Agreement("default", bond="GBOND", pool="GPOOL", provider="GPROV", beneficiary="GBENE")


@pytest.mark.parametrize("role", ["bond", "pool", "provider", "beneficiary"])
def test_settings_that_say_otherwise_are_refused_by_name(role: str) -> None:
    check_agreement(KEPT, KEPT)
    with pytest.raises(Conflict, match=f"STELLAR_{role.upper()}_ADDRESS is GOTHER") as refused:
        check_agreement(replace(KEPT, **{role: "GOTHER"}), KEPT)
    assert f"has G{role[:4].upper()}" in str(refused.value)


async def test_settings_never_change_who_is_paid(database: Database) -> None:
    first = replace(KEPT, name=make_unique_id("AGREED"))
    async with database.transaction() as connection:
        assert await agreements.add_agreement(connection, first) == first
        later = await agreements.add_agreement(connection, replace(first, provider="GTHIEF"))
        assert later == first
        assert await agreements.get_agreement(connection, first.name, EVERYTHING) == first


async def test_limits_that_did_not_change_leave_no_trace(database: Database) -> None:
    """A worker that starts again says nothing new."""
    async with database.autocommit() as connection:
        enforced = await limits.get_enforced(connection)
        written = []
        for hours, allowed in enumerate((enforced, enforced, Limits(cap_per_payment=7), enforced)):
            await set_limits(database, allowed, NOW + timedelta(hours=hours))
            written.append(
                await connection.scalar(
                    select(func.count()).where(audit_entries.c.subject == "limits/settlement")
                )
            )
    assert [later - written[0] for later in written] == [0, 0, 1, 2]


async def test_the_first_admins_key_is_on_record_when_it_changes_and_not_at_each_start(
    database: Database,
) -> None:
    wanted, key = replace(KEPT, name=make_unique_id("AGREED")), make_unique_id("key-of-the-admin")

    async def count_entries() -> int:
        async with database.autocommit() as connection:
            return len(await read_trail(connection, "key/admin"))

    before = await count_entries()
    assert before >= 1
    try:
        for _ in range(2):
            await bootstrap(database, key, wanted, datetime.now(UTC))
        assert await count_entries() == before + 1
    finally:
        await bootstrap(database, KEY, wanted, datetime.now(UTC))
    async with database.autocommit() as connection:
        entries = await read_trail(connection, "key/admin")
    assert {each["action"] for each in entries} == {"key.given"}
    assert key not in str(entries)
