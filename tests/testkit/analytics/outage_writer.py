"""
Random outages, written into the tables step by step as the use cases write them: a row, its verdicts with
their entries in the journal, revisions, voids, reopenings. Many take the same step in one statement.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import journal
from adapters.postgres.sla.agreements import agreements, parties, versions
from adapters.postgres.tables import outages, sla_results
from domain.accounting.journal import (
    Entry,
    make_accrual,
    make_correction,
    make_reservation,
    make_reversal,
    make_settlement,
)
from domain.settlement.payments import make_payment
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.parties import PartyKind
from domain.sla.agreements.versions import AgreementVersion
from domain.sla.policies import BEGINNING_OF_TIME
from domain.sla.verdicts import Severity, Terms, judge

AT = datetime(2026, 11, 29, tzinfo=UTC)
TERMS = {
    Severity.CRITICAL: Terms(15, 100, 750),
    Severity.HIGH: Terms(30, 50, 750),
    Severity.MEDIUM: Terms(60, 25, 750),
    Severity.LOW: Terms(120, 10, 600),
}
AGREEMENTS = [
    Agreement("alpha", "GBOND", "GPOOL", "GP1", "GC1", "carrier", "bank"),
    Agreement("beta", "GBOND", "GPOOL", "GP1", "GC2", "carrier", "shop"),
    Agreement("gamma", "GBOND", "GPOOL", "GP2", "GC1", "fibre", "bank"),
]
SITES = [(None, "Mast 7"), ("m-7", "Mast 7"), ("m-8", "Mast 8"), ("Mast 9", "Mast 9")]
# Changes of the clocks in Berlin, New York and on Lord Howe Island, both ways.
CHANGES = [
    datetime(2026, month, day, hour, tzinfo=UTC)
    for month, day, hour in (
        (3, 29, 1),
        (10, 25, 1),
        (3, 8, 7),
        (11, 1, 6),
        (4, 4, 15),
        (10, 3, 15),
    )
]
# How a life goes; each letter is a step.
#   j judged  d revised by a dispute  r reopened  v voided  s paid  c cancelled  p payee changed  a amended
COURSES = [
    "",
    "c",
    "a",
    "ac",
    "j",
    "js",
    "jds",
    "jdds",
    "jr",
    "jrj",
    "jrjds",
    "jv",
    "jdv",
    "jps",
    "aj",
]


@dataclass
class WrittenOutage:
    id: str
    agreement: Agreement
    detected_at: datetime
    severity: Severity
    life: str
    minutes: int = 0
    revision: int = 0
    accrual: Entry | None = None
    spent: list[Any] = field(default_factory=list)


async def write_agreements(connection: AsyncConnection) -> None:
    for name, kind in (
        ("carrier", PartyKind.PROVIDER),
        ("fibre", PartyKind.PROVIDER),
        ("bank", PartyKind.CUSTOMER),
        ("shop", PartyKind.CUSTOMER),
    ):
        await parties.add_party(connection, name, kind, name, "test")
    for each in AGREEMENTS:
        await agreements.put_agreement(connection, each)
        await versions.add_version(
            connection, AgreementVersion(each.name, 1, BEGINNING_OF_TIME), "test"
        )


def pick_time(luck: random.Random) -> datetime:
    """Return a time that is likely near a change of the clocks, at the edge of an hour or a day."""
    if luck.random() < 0.5:
        near = luck.choice(CHANGES) + timedelta(minutes=luck.randrange(-3000, 3000))
    else:
        near = datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=luck.randrange(280 * 24 * 60))
    if luck.random() < 0.2:
        return near.replace(minute=luck.choice([0, 30]))
    return near + timedelta(microseconds=luck.randrange(60_000_000))


class OutageWriter:
    """Takes random outages through their lives, one step of all at a time."""

    def __init__(self, luck: random.Random, many: int) -> None:
        self.luck = luck
        self.outages = [
            WrittenOutage(
                f"R-{n}",
                luck.choice(AGREEMENTS),
                pick_time(luck),
                luck.choice(list(Severity)),
                luck.choice(COURSES),
            )
            for n in range(many)
        ]

    async def declare(self, connection: AsyncConnection) -> None:
        await connection.execute(insert(outages), [self._make_row(each) for each in self.outages])

    def _make_row(self, outage: WrittenOutage) -> dict[str, Any]:
        site_id, site_name = self.luck.choice(SITES)
        return {
            "id": outage.id,
            "status": "declared",
            "severity": outage.severity,
            "site_id": site_id,
            "site_name": site_name,
            "description": "",
            "affected_services": self.luck.choice([[], ["power"], ["power", "voice"]]),
            "detected_at": outage.detected_at,
            "declared_at": AT,
            "fingerprint": outage.id,
            "correlation_id": "test",
            "agreement": outage.agreement.name,
            "agreement_version": 1,
            "policy": "standard",
            "policy_version": 1,
        }

    async def take_steps(self, connection: AsyncConnection, n: int) -> bool:
        """Let every outage that has one take its step `n`; False when none has."""
        moving = [each for each in self.outages if len(each.life) > n]
        changes: list[dict[str, Any]] = []
        verdicts: list[dict[str, Any]] = []
        entries: list[Entry] = []
        for each in moving:
            self._step(each, each.life[n], changes, verdicts, entries)
        await _update(connection, changes)
        if verdicts:
            await connection.execute(insert(sla_results), verdicts)
        for start in range(0, len(entries), 500):
            await journal.post_entries(connection, entries[start : start + 500])
        return bool(moving)

    def _step(
        self,
        outage: WrittenOutage,
        step: str,
        changes: list[dict[str, Any]],
        verdicts: list[dict[str, Any]],
        entries: list[Entry],
    ) -> None:
        if step == "j":
            outage.minutes = self.luck.choice([0, 1, self.luck.randrange(240), 3000])
            ended = outage.detected_at + timedelta(
                minutes=outage.minutes, seconds=self.luck.randrange(60)
            )
            changes.append({"status": "disputable", "resolved_at": ended, "key": outage.id})
            self._judge(outage, "measured", verdicts, entries)
        elif step == "d":
            outage.minutes = self.luck.randrange(240)
            outage.severity = self.luck.choice(list(Severity))
            changes.append({"status": "settling", "key": outage.id})
            self._take_back(outage, entries)
            self._judge(outage, "decided", verdicts, entries)
        elif step in "rv":
            self._take_back(outage, entries)
            gone = (
                {"status": "declared", "resolved_at": None} if step == "r" else {"status": "voided"}
            )
            changes.append(gone | {"key": outage.id})
        elif step in "ps":
            changes.append({"status": "closed" if step == "s" else "settling", "key": outage.id})
            entries += self._settle(outage) if step == "s" else self._redirect(outage)
        elif step == "c":
            changes.append({"status": "cancelled", "key": outage.id})
        else:
            outage.severity = self.luck.choice(list(Severity))
            amended = {"severity": outage.severity, "site_name": "Mast 10"}
            changes.append(amended | {"key": outage.id})

    def _judge(
        self,
        outage: WrittenOutage,
        basis: str,
        verdicts: list[dict[str, Any]],
        entries: list[Entry],
    ) -> None:
        outage.revision += 1
        verdict = judge(TERMS[outage.severity], outage.minutes)
        payment = make_payment(
            "sandbox", outage.agreement, outage.id, outage.revision, verdict, "test"
        )
        outage.accrual = make_accrual(payment)
        outage.spent = [payment]
        entries.append(outage.accrual)
        verdicts.append(
            {
                "outage_id": outage.id,
                "revision": outage.revision,
                "severity": outage.severity,
                "status": verdict.status,
                "payment_type": verdict.payment_type,
                "rating": verdict.rating,
                "mttr_minutes": outage.minutes,
                "mttr_basis": basis,
                "measured_minutes": outage.minutes,
                "threshold_minutes": verdict.threshold_minutes,
                "amount_stroops": verdict.amount_stroops,
                "policy": "standard",
                "policy_version": 1,
                "policy_digest": "0" * 64,
                "judged_at": AT,
                "payment_id": payment.id,
            }
        )

    def _take_back(self, outage: WrittenOutage, entries: list[Entry]) -> None:
        assert outage.accrual is not None
        entries.append(make_reversal(outage.accrual))

    def _settle(self, outage: WrittenOutage) -> Sequence[Entry]:
        """Money that leaves costs nothing once more, netted with others or not."""
        (payment,) = outage.spent
        return [make_reservation(payment, 1), make_settlement(payment, f"{outage.id:0>64}")]

    def _redirect(self, outage: WrittenOutage) -> Sequence[Entry]:
        """Another payee: the accrual is reversed and corrected, and costs what it did."""
        assert outage.accrual is not None
        reversed_, corrected = (
            make_reversal(outage.accrual),
            make_correction(outage.accrual, outage.accrual.postings),
        )
        outage.accrual = corrected
        return [reversed_, corrected]


async def _update(connection: AsyncConnection, changes: Sequence[dict[str, Any]]) -> None:
    """Change rows, those that set the same columns together; the version grows as it does with each change."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in changes:
        groups.setdefault(tuple(each), []).append(each)
    for names, rows in groups.items():
        values = {name: bindparam(f"new_{name}") for name in names if name != "key"}
        await connection.execute(
            update(outages)
            .where(outages.c.id == bindparam("key"))
            .values(**values, version=outages.c.version + 1),
            [
                {name if name == "key" else f"new_{name}": value for name, value in row.items()}
                for row in rows
            ],
        )
