"""
Invariants: the ten statements that always hold of the journal.

The database enforces them as it is written to; here they are only named, so that an integrity check can
say which one is broken, and by what.
"""

from enum import StrEnum


class Invariant(StrEnum):
    ENTRIES_BALANCE = "entries_balance"
    TRIAL_BALANCE_ZERO = "trial_balance_zero"
    JOURNAL_APPEND_ONLY = "journal_append_only"
    BALANCES_MATCH_POSTINGS = "balances_match_postings"
    PAYMENTS_MATCH_SETTLEMENTS = "payments_match_settlements"
    NO_OVERDRAFT = "no_overdraft"
    OBLIGATION_LIFECYCLE = "obligation_lifecycle"
    SETTLEMENTS_AUTHORISED = "settlements_authorised"
    CLOSED_OUTAGES_PAID = "closed_outages_paid"
    NO_PAYMENT_WHILE_DISPUTED = "no_payment_while_disputed"


INVARIANT_DESCRIPTIONS = {
    Invariant.ENTRIES_BALANCE: "every entry's postings sum to zero, in its one currency",
    Invariant.TRIAL_BALANCE_ZERO: "all accounts of a currency sum to zero",
    Invariant.JOURNAL_APPEND_ONLY: "the journal is only added to; what is taken back or put right says what",
    Invariant.BALANCES_MATCH_POSTINGS: "every balance is the sum of its postings",
    Invariant.PAYMENTS_MATCH_SETTLEMENTS: "a payment on the chain is one settlement in the journal, and the reverse",
    Invariant.NO_OVERDRAFT: "no account is below its floor",
    Invariant.OBLIGATION_LIFECYCLE: "what was accrued is pending, reserved, paid or reversed, and one of them",
    Invariant.SETTLEMENTS_AUTHORISED: "what was paid had been signed, stored and reserved before, or a person matched it",
    Invariant.CLOSED_OUTAGES_PAID: "the payment of an outage that is closed is confirmed",
    Invariant.NO_PAYMENT_WHILE_DISPUTED: "nothing is owed for payment while a dispute of its outage is open",
}
