"""What a code can mean, and for whom: the four remedies."""

from dataclasses import dataclass
from enum import StrEnum

from domain.reasons import Reason, ReasonCode


class Remedy(StrEnum):
    """What is to be done about a code. None of them ever allows a second way to pay."""

    TERMINAL = "terminal"  # the end: it is done, or nothing will ever make it work
    RETRY = "retry"  # it may work as it is, a little later
    BLOCK = "block"  # others must change something first: payee, issuer, a contract's admin
    PAGE = "page"  # we must: treasury, fee account, keys or this program


@dataclass(frozen=True, slots=True)
class Meaning:
    """A remedy, and a sentence for people without the full stop."""

    remedy: Remedy
    sentence: str
    # Which side it is must be asked of the network: the payer's or the payee's.
    either_side: bool = False
    # What a payment that waits for it is told to be waiting for.
    reason_code: ReasonCode = ReasonCode.TRANSFER_REFUSED

    def to_reason(self, name: str) -> Reason:
        """The reason of a payment that met this, with the network's own name for it."""
        return Reason(self.reason_code, f"{self.sentence} ({name})")


def terminal(sentence: str) -> Meaning:
    return Meaning(Remedy.TERMINAL, sentence)


def retry(sentence: str) -> Meaning:
    return Meaning(Remedy.RETRY, sentence)


def block(sentence: str, code: ReasonCode = ReasonCode.TRANSFER_REFUSED) -> Meaning:
    return Meaning(Remedy.BLOCK, sentence, reason_code=code)


def page(sentence: str, code: ReasonCode = ReasonCode.TRANSFER_REFUSED) -> Meaning:
    return Meaning(Remedy.PAGE, sentence, reason_code=code)
