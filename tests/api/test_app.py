"""The facade starts only on settings that agree with the journal on who pays whom."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from adapters.postgres.database import Database
from adapters.postgres.settlement import limits
from adapters.postgres.sla import policies
from adapters.postgres.tables import audit_entries
from domain.errors import Conflict
from domain.settlement.limits import Limits
from domain.sla.policies import Agreement
from services.access.bootstrap import check_agreement
from services.settlement.limits.set_limits import set_limits
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
        assert await policies.add_agreement(connection, first) == first
        later = await policies.add_agreement(connection, replace(first, provider="GTHIEF"))
        assert later == first
        assert await policies.get_agreement(connection, first.name) == first


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
