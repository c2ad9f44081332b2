"""Every state machine is a table: only final states are dead ends, and no state can be skipped."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from domain import deliveries
from domain.accounting import breaks
from domain.accounting.breaks import BreakStatus
from domain.deliveries import DeliveryStatus
from domain.errors import Conflict, IllegalTransition
from domain.jobs import jobs
from domain.jobs.jobs import JobStatus
from domain.settlement import attempts, payments
from domain.settlement.attempts import AttemptStatus
from domain.settlement.manual_matches import MATCHABLE
from domain.settlement.payments import PaymentStatus
from domain.sla import attestations, disputes, outages
from domain.sla.attestations import AttestationStatus, CallStatus
from domain.sla.disputes import DisputeStatus
from domain.sla.intake import episodes
from domain.sla.intake.episodes import EpisodeStatus
from domain.sla.outages import OutageStatus
from domain.transitions import check_transition, list_sources

Table = Mapping[Any, frozenset[Any]]
# noun: its table, where it begins, where it may end
MACHINES: dict[str, tuple[Table, StrEnum, set[StrEnum]]] = {
    "outages": (
        outages.TRANSITIONS,
        OutageStatus.DECLARED,
        {OutageStatus.CLOSED, OutageStatus.CANCELLED, OutageStatus.VOIDED},
    ),
    "payments": (
        payments.TRANSITIONS,
        PaymentStatus.PENDING,
        {PaymentStatus.CONFIRMED, PaymentStatus.VOIDED},
    ),
    "disputes": (
        disputes.TRANSITIONS,
        DisputeStatus.OPEN,
        {
            *(DisputeStatus.RESOLVED, DisputeStatus.REJECTED, DisputeStatus.WITHDRAWN),
            DisputeStatus.EXPIRED,
        },
    ),
    "attempts": (
        attempts.TRANSITIONS,
        AttemptStatus.OPEN,
        {AttemptStatus.SUCCEEDED, AttemptStatus.FAILED},
    ),
    "attestations": (
        attestations.TRANSITIONS,
        AttestationStatus.PENDING,
        {AttestationStatus.ATTESTED},
    ),
    "calls": (
        attestations.CALL_TRANSITIONS,
        CallStatus.OPEN,
        {CallStatus.REJECTED, CallStatus.FAILED, CallStatus.EXPIRED, CallStatus.LOST},
    ),
    "episodes": (episodes.TRANSITIONS, EpisodeStatus.OPEN, {EpisodeStatus.DISMISSED}),
    "breaks": (breaks.TRANSITIONS, BreakStatus.OPEN, {BreakStatus.CLOSED}),
    "jobs": (jobs.TRANSITIONS, JobStatus.QUEUED, {JobStatus.DONE, JobStatus.CANCELLED}),
    "deliveries": (deliveries.TRANSITIONS, DeliveryStatus.PENDING, {DeliveryStatus.SUCCESS}),
}


def _find_reachable(table: Table, begin: StrEnum) -> set[StrEnum]:
    found, new = {begin}, {begin}
    while new:
        new = {to for state in new for to in table[state]} - found
        found |= new
    return found


@pytest.mark.parametrize("noun", MACHINES)
def test_every_status_is_in_the_table_and_reachable(noun: str) -> None:
    table, begin, ends = MACHINES[noun]
    assert set(table) == set(type(begin))
    assert _find_reachable(table, begin) == set(table)
    # A person may reopen what counts as made; nothing else leaves an end.
    named = attempts.NAMED_MOVES | payments.NAMED_MOVES
    left = {now for now, nexts in table.items() if {to for to in nexts if (now, to) not in named}}
    assert set(table) - left == ends
    assert all(state not in nexts for state, nexts in table.items())


@pytest.mark.parametrize("noun", MACHINES)
def test_a_transition_is_allowed_or_refused_as_the_table_says(noun: str) -> None:
    table, _, _ = MACHINES[noun]
    for now in table:
        for to in table:
            if to in table[now]:
                check_transition("it", table, now, to)
                assert now in list_sources(table, to)
            else:
                assert now not in list_sources(table, to)
                with pytest.raises(IllegalTransition, match=f"it is {now} and may not become {to}"):
                    check_transition("it", table, now, to)


def test_a_payment_is_confirmed_only_after_it_was_sent() -> None:
    """Or matched manually, which is allowed only for a payment that the engine has not sent."""
    confirmable = set(list_sources(payments.TRANSITIONS, PaymentStatus.CONFIRMED))
    assert {PaymentStatus.SUBMITTED, PaymentStatus.QUARANTINED} == payments.SENT
    assert confirmable == payments.SENT | MATCHABLE
    assert payments.SENT.isdisjoint(MATCHABLE)
    # With the circuit breaker open what is signed is not sent, and its channel may still be used by others;
    # a payment on hold or blocked may have been signed, and keeps its channel where its envelope expired.
    assert PaymentStatus.PENDING not in list_sources(
        payments.TRANSITIONS, PaymentStatus.QUARANTINED
    )
    # An envelope that one node called expired may be in a ledger after all.
    signed = {PaymentStatus.PREPARED, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED}
    assert set(list_sources(payments.TRANSITIONS, PaymentStatus.SUBMITTED)) == signed


def test_an_outage_settles_only_after_its_dispute_window() -> None:
    before = set(list_sources(outages.TRANSITIONS, OutageStatus.SETTLING))
    assert before == {OutageStatus.DISPUTABLE, OutageStatus.DISPUTED}
    assert list_sources(outages.TRANSITIONS, OutageStatus.CANCELLED) == [OutageStatus.DECLARED]


def test_an_illegal_transition_is_a_conflict() -> None:
    assert issubclass(IllegalTransition, Conflict)
