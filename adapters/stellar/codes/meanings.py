"""The meaning of a result code: a sentence, and one of four remedies."""

from dataclasses import dataclass
from enum import StrEnum

from domain.reasons import Reason, ReasonCode


class Remedy(StrEnum):
    """What to do about a code. None of them ever allows a second way to pay."""

    TERMINAL = "terminal"  # nothing: it succeeded, or it can never succeed
    RETRY = "retry"  # try the same again a little later
    BLOCK = "block"  # wait until others change something: payee, issuer, a contract's admin
    PAGE = "page"  # page an operator: treasury, fee account, keys or this program are wrong


@dataclass(frozen=True, slots=True)
class Meaning:
    """A remedy, and a sentence for people without the full stop."""

    remedy: Remedy
    sentence: str
    # The payer or the payee may be the cause: the network must be asked which.
    either_side: bool = False
    # The reason code of a payment that is blocked because of it.
    reason_code: ReasonCode = ReasonCode.TRANSFER_REFUSED

    def to_reason(self, name: str) -> Reason:
        """Return the reason for a payment, with the network's own name of the code."""
        return Reason(self.reason_code, f"{self.sentence} ({name})")


def terminal(sentence: str) -> Meaning:
    return Meaning(Remedy.TERMINAL, sentence)


def retry(sentence: str) -> Meaning:
    return Meaning(Remedy.RETRY, sentence)


def block(sentence: str, code: ReasonCode = ReasonCode.TRANSFER_REFUSED) -> Meaning:
    return Meaning(Remedy.BLOCK, sentence, reason_code=code)


def page(sentence: str, code: ReasonCode = ReasonCode.TRANSFER_REFUSED) -> Meaning:
    return Meaning(Remedy.PAGE, sentence, reason_code=code)
