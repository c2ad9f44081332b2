"""
The search attributes of outages: what operators filter and count by in the Web UI.

They are kept in plain text even where payloads are encrypted, so nothing personal belongs here.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from domain.sla.outages import Outage, OutageStatus
from domain.sla.verdicts import Verdict

STATUS = SearchAttributeKey.for_keyword("OutageStatus")
SEVERITY = SearchAttributeKey.for_keyword("Severity")
SITE = SearchAttributeKey.for_keyword("SiteId")
SLA_STATUS = SearchAttributeKey.for_keyword("SlaStatus")
SETTLEMENT = SearchAttributeKey.for_int("SettlementStroops")


def at_start(outage: Outage) -> TypedSearchAttributes:
    """Return the search attributes of a declared outage."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATUS, OutageStatus.DECLARED.value),
            SearchAttributePair(SEVERITY, outage.severity.value),
            SearchAttributePair(SITE, outage.site_id or outage.site_name),
        ]
    )


def show(status: OutageStatus, verdict: Verdict | None = None) -> None:
    """Change the search attributes of the workflow that calls."""
    changes: list[SearchAttributeUpdate[Any]] = [STATUS.value_set(status)]
    if verdict is not None:
        changes.append(SLA_STATUS.value_set(verdict.status))
        changes.append(SETTLEMENT.value_set(verdict.amount_stroops))
    workflow.upsert_search_attributes(changes)
