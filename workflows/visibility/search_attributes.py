"""
What the list of workflows shows of an outage, a payment, a batch or an attestation, and can be searched by.

Each write costs the workflow server as much as a step, so only what differs from what is shown is written, and
at most once for each state. It survives continue-as-new.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.money import STROOPS_PER_UNIT
from domain.reasons import Wait, WaitsFor
from domain.settlement.payments import JudgeOutageResult
from domain.sla.outages import Declaration, Outage, OutageStatus
from domain.sla.waits import bound_wait

STATUS = SearchAttributeKey.for_keyword("OutageStatus")
SEVERITY = SearchAttributeKey.for_keyword("Severity")
SITE = SearchAttributeKey.for_keyword("SiteId")
SLA_STATUS = SearchAttributeKey.for_keyword("SlaStatus")
AGREEMENT = SearchAttributeKey.for_keyword("Agreement")
WAITS_FOR = SearchAttributeKey.for_keyword("WaitsFor")
WAITS_SINCE = SearchAttributeKey.for_datetime("WaitsSince")
DEADLINE = SearchAttributeKey.for_datetime("Deadline")
# What is owed or paid, in USDC: for people who search. Money is counted in stroops, and not here.
AMOUNT = SearchAttributeKey.for_float("AmountUsdc")
# The version of the outage on record that its workflow knows.
ACKNOWLEDGED = SearchAttributeKey.for_int("AcknowledgedVersion")

KEYS: tuple[SearchAttributeKey[Any], ...] = (
    *(STATUS, SEVERITY, SITE, SLA_STATUS, AGREEMENT, WAITS_FOR, WAITS_SINCE, DEADLINE, AMOUNT),
    ACKNOWLEDGED,
)
Shown = tuple[SearchAttributeKey[Any], Any]


def make_search_attributes(
    declaration: Declaration, judged: JudgeOutageResult | None = None
) -> TypedSearchAttributes:
    """Return the search attributes of a declared outage, or of one that was judged as it was recorded."""
    outage, recorded = declaration.outage, declaration.recorded
    if judged is not None and recorded is not None:
        window = recorded.dispute_window_seconds
        return _make(
            [
                *list_outage(outage, OutageStatus.DISPUTABLE, judged.version),
                *list_judgement(judged, declaration.agreement),
                *list_wait(bound_wait(WaitsFor.WINDOW, judged.dispute_deadline, window)),
            ]
        )
    return _make(
        [
            # A workflow that runs knows that it was declared, for it begins by recording that.
            *list_outage(outage, OutageStatus.DECLARED, 1),
            (AGREEMENT, declaration.agreement),
            (WAITS_FOR, WaitsFor.REPAIR.value),
            (WAITS_SINCE, outage.detected_at),
        ]
    )


def make_debt_attributes(amount_stroops: int, agreement: str = "") -> TypedSearchAttributes:
    """Return the search attributes of what serves a debt: it waits for nothing worth a write until it says so."""
    return _make(list_debt(amount_stroops, agreement))


def list_outage(outage: Outage, status: OutageStatus | None, version: int) -> list[Shown]:
    return [
        (STATUS, status and status.value),
        (SEVERITY, outage.severity.value),
        (SITE, outage.site_id or outage.site_name),
        (ACKNOWLEDGED, version),
    ]


def list_judgement(judged: JudgeOutageResult, agreement: str) -> list[Shown]:
    owed = list_debt(judged.payment.amount_stroops, agreement)
    return [(SLA_STATUS, judged.verdict.status.value), *owed]


def list_debt(amount_stroops: int | None, agreement: str = "") -> list[Shown]:
    amount = None if amount_stroops is None else amount_stroops / STROOPS_PER_UNIT
    return [(AMOUNT, amount), (AGREEMENT, agreement or None)]


def list_wait(wait: Wait) -> list[Shown]:
    """List what a wait shows; one that began before, and is not known to have, began when it was first shown."""
    since = wait.since
    if since is None:
        since = _get(WAITS_SINCE) if get_shown_wait() == wait.waits_for else workflow.now()
    return [(WAITS_FOR, wait.waits_for.value), (WAITS_SINCE, since), (DEADLINE, wait.deadline)]


def get_shown() -> TypedSearchAttributes:
    """Return what the workflow that calls shows, for the run that continues it."""
    return _make([(key, _get(key)) for key in KEYS])


def get_shown_wait() -> WaitsFor | None:
    """Return what the workflow that calls is shown to wait for."""
    word = _get(WAITS_FOR)
    return None if word is None else WaitsFor(word)


def show(wanted: Iterable[Shown]) -> bool:
    """Write what differs from what is shown, None for nothing, in one write; False when nothing does."""
    changes = [
        key.value_unset() if value is None else key.value_set(value)
        for key, value in wanted
        if _get(key) != value
    ]
    if changes:
        workflow.upsert_search_attributes(changes)
    return bool(changes)


def show_wait(waits_for: WaitsFor, deadline: datetime | None = None) -> bool:
    """Show what the workflow that calls waits for from now on; False when that is shown already."""
    return show(list_wait(Wait(waits_for, deadline=deadline)))


def show_end() -> None:
    """Show of a workflow that was shown to wait that it does no more."""
    if get_shown_wait() is not None:
        show_wait(WaitsFor.NOTHING)


def _get(key: SearchAttributeKey[Any]) -> Any:
    return workflow.info().typed_search_attributes.get(key)


def _make(shown: Iterable[Shown]) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [SearchAttributePair(key, value) for key, value in shown if value is not None]
    )
