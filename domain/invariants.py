"""
What always holds of the book, whatever happened: eight promises, each of which can be looked at.

The database enforces them as it is written to; here they are only named, so that a check from
outside can say which one is broken, and by what.
"""

from enum import StrEnum


class Invariant(StrEnum):
    BALANCED = "balanced"
    CLOSED = "closed"
    IMMUTABLE = "immutable"
    REBUILT = "rebuilt"
    MATCHED = "matched"
    FLOORED = "floored"
    PARTITIONED = "partitioned"
    INTENDED = "intended"


PROMISES = {
    Invariant.BALANCED: "every entry's postings sum to zero, in its one currency",
    Invariant.CLOSED: "all accounts of a currency sum to zero",
    Invariant.IMMUTABLE: "the book is only added to; what is taken back or put right says what",
    Invariant.REBUILT: "every balance is the sum of its postings",
    Invariant.MATCHED: "a payment on the chain is one settlement in the book, and the reverse",
    Invariant.FLOORED: "no account is below its floor",
    Invariant.PARTITIONED: "what was accrued is pending, reserved, paid or reversed, and one of them",
    Invariant.INTENDED: "what was paid had been signed, kept and reserved before, or a person adopted it",
}
