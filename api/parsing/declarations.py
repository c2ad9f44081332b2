"""Declarations: what an outage that a caller sent is judged and paid by, and what is refused beforehand."""

from datetime import UTC, datetime

from adapters.postgres.database import Database
from api.dependencies import Engine
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.outage_rules import check_instant, check_resolution
from domain.sla.outages import Declaration, Outage, Resolution
from domain.sla.verdicts import compute_payable, judge
from services.sla.agreements.read_bindings import read_bindings
from services.sla.outages.read_answer import read_declaration


def make_declaration(engine: Engine, outage: Outage, asked: Request) -> Declaration:
    """Return what is declared, with the policy and the agreement of the settings where it names none."""
    settings = engine.settings
    return Declaration(
        outage,
        asked,
        outage.policy or settings.sla_policy,
        outage.agreement or settings.sla_agreement,
    )


async def check_declaration(
    database: Database, declaration: Declaration, resolution: Resolution | None
) -> None:
    """Refuse before anything is on record: an outage that cannot be resolved is not declared either."""
    now, outage = datetime.now(UTC), declaration.outage
    check_instant("detected_at", outage.detected_at, now)
    if resolution is None:
        return
    check_resolution(outage, resolution, now)
    try:
        bindings = await read_bindings(database, declaration)
    except Invalid:
        if await read_declaration(database, declaration):
            return  # it is on record, and bound to what was in force then
        raise
    minutes = resolution.get_times(outage)[1]
    for bound in bindings:
        compute_payable(judge(bound.policy.terms[outage.severity], minutes))
