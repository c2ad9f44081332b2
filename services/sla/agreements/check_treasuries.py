"""Refuse a treasury from which nobody would be paid."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.agreements import agreements
from domain.settlement.owners.wallets import Readiness, check_payer
from domain.sla.agreements.agreements import check_unpaid


async def check_treasuries_within(
    connection: AsyncConnection, named: Mapping[str, str | None], readiness: Sequence[Readiness]
) -> None:
    """`named` are by role; `readiness` is what the network said a moment ago of those that are new."""
    wanted = {role: address for role, address in named.items() if address is not None}
    check_unpaid(wanted, await agreements.list_payees(connection))
    seen = {each.address: each for each in readiness}
    for role, address in wanted.items():
        if address in seen:
            check_payer(role, seen[address])
