"""The rows of what generated outages owed: payments, the batches that paid them, and their postings in the journal."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devstack.generate.generated_outages import GeneratedOutage
from devstack.generate.row_writers import GeneratedTerms, Row, RowBatch, derive_payment_id
from domain.accounting.postings import CURRENCY, SLOTS
from domain.digests import derive_id
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import PaymentType

# Before whatever reconciliation reads: these payments are on no chain.
LEDGER = 1
PAYMENTS = (
    *("id", "number", "outage_id", "revision", "type", "status", "amount_stroops", "asset_code"),
    *("payer", "from_address", "to_address", "transaction_hash", "ledger", "correlation_id"),
    *("created_at", "confirmed_at"),
)
ATTEMPTS = (
    *("payment_id", "n", "channel", "sequence", "status", "max_ledger", "rail", "batched"),
    *("members", "opened_at"),
)
ALLOCATIONS = ("lead_payment_id", "n", "payment_id", "number", "amount_stroops", "live")
ENVELOPES = (
    *("hash", "inner_hash", "payment_id", "n", "xdr", "fee_stroops", "max_ledger", "signed_at"),
)
ENTRIES = (
    *("id", "kind", "payment_id", "currency", "lines", "slot", "corrects", "transaction_hash"),
    "posted_at",
)
POSTINGS = ("entry_id", "line", "account", "amount_stroops")


@dataclass(frozen=True, slots=True)
class Debt:
    """What one revision of a verdict owes."""

    id: str
    amount: int
    type: PaymentType
    payer: str
    to_address: str
    accrued_at: datetime

    @property
    def slot(self) -> int:
        return hashlib.sha256(self.id.encode()).digest()[0] % SLOTS


@dataclass
class MoneyWriter:
    """Writes the money of outages, and sums up what it moved: the balances are set in the end."""

    terms: GeneratedTerms
    channel: str
    sequence: int
    balances: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def write(self, batch: RowBatch, outages: Sequence[GeneratedOutage]) -> None:
        """Pay what is closed in one batch; nothing else was paid."""
        paid = [each for each in outages if each.status is OutageStatus.CLOSED]
        for outage in outages:
            for revision, debt in enumerate(self._list_debts(outage), 1):
                self._accrue(batch, outage, revision, debt)
        if paid:
            self._pay(batch, paid)
        voided = [each for each in outages if each.status is OutageStatus.VOIDED]
        batch.add("payments", PAYMENTS, (self._make_payment(each, None) for each in voided))

    def _list_debts(self, outage: GeneratedOutage) -> list[Debt]:
        bound = outage.agreement
        assert outage.resolved_at or not outage.verdicts
        return [
            Debt(
                derive_payment_id(outage, revision),
                abs(verdict.amount_stroops),
                verdict.payment_type,
                "bond" if verdict.payment_type is PaymentType.PENALTY else "pool",
                bound.beneficiary
                if verdict.payment_type is PaymentType.PENALTY
                else bound.provider,
                (outage.resolved_at or outage.declared_at) + timedelta(minutes=revision),
            )
            for revision, verdict in enumerate(outage.verdicts, 1)
        ]

    def _accrue(self, batch: RowBatch, outage: GeneratedOutage, revision: int, debt: Debt) -> None:
        expense, payable = f"expense:{debt.type}", f"payable:{debt.to_address}"
        id_ = self._post(batch, debt, "accrual", expense, payable, debt.accrued_at)
        if revision < len(outage.verdicts) or outage.status is OutageStatus.VOIDED:
            at = debt.accrued_at + timedelta(hours=1)
            self._post(batch, debt, "reversal", payable, expense, at, corrects=id_)

    def _pay(self, batch: RowBatch, paid: Sequence[GeneratedOutage]) -> None:
        self.sequence += 1
        lead = derive_payment_id(paid[0], len(paid[0].verdicts))
        at = min(each.closed_at for each in paid if each.closed_at) - timedelta(minutes=1)
        hash_ = hashlib.sha256(lead.encode()).hexdigest()
        attempt = (lead, 1, self.channel, self.sequence, "succeeded", LEDGER, "classic")
        batch.add("attempts", ATTEMPTS, [(*attempt, len(paid) > 1, len(paid), at)])
        inner = hashlib.sha256(hash_.encode()).hexdigest()
        batch.add("envelopes", ENVELOPES, [(hash_, inner, lead, 1, "AAAA", 200, LEDGER, at)])
        batch.add("payments", PAYMENTS, (self._make_payment(each, hash_) for each in paid))
        batch.add("allocations", ALLOCATIONS, self._allocate(batch, paid, lead, hash_))

    def _allocate(
        self, batch: RowBatch, paid: Sequence[GeneratedOutage], lead: str, hash_: str
    ) -> Iterator[Row]:
        for outage in paid:
            debt = self._list_debts(outage)[-1]
            payable, reserved = f"payable:{debt.to_address}", f"reserved:{debt.to_address}"
            assert outage.closed_at is not None
            at = outage.closed_at
            self._post(batch, debt, "reservation", payable, reserved, at)
            treasury = f"treasury:{self._find_source(debt)}"
            self._post(batch, debt, "settlement", reserved, treasury, at, transaction_hash=hash_)
            yield lead, 1, debt.id, outage.number, debt.amount, True

    def _find_source(self, debt: Debt) -> str:
        return self.terms.bond if debt.payer == "bond" else self.terms.pool

    def _make_payment(self, outage: GeneratedOutage, hash_: str | None) -> Row:
        debt = self._list_debts(outage)[-1]
        at = outage.closed_at
        assert at is not None
        source = self._find_source(debt)
        return (
            *(debt.id, outage.number, outage.id, len(outage.verdicts), debt.type),
            *("voided" if hash_ is None else "confirmed", debt.amount, CURRENCY, debt.payer),
            *(source, debt.to_address, hash_, None if hash_ is None else LEDGER),
            *(f"gen-{outage.n}", at - timedelta(minutes=1), None if hash_ is None else at),
        )

    def _post(
        self,
        batch: RowBatch,
        debt: Debt,
        kind: str,
        debit: str,
        credit: str,
        at: datetime,
        corrects: str | None = None,
        transaction_hash: str | None = None,
    ) -> str:
        id_ = derive_id("ent", debt.id, "generated", kind)
        entry = (id_, kind, debt.id, CURRENCY, 2, debt.slot, corrects, transaction_hash, at)
        batch.add("entries", ENTRIES, [entry])
        lines = ((debit, debt.amount), (credit, -debt.amount))
        for account, amount in lines:
            self.balances[account, debt.slot] += amount
        batch.add(
            "postings",
            POSTINGS,
            ((id_, n, account, amount) for n, (account, amount) in enumerate(lines, 1)),
        )
        return id_
