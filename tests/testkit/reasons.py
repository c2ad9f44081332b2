"""Reasons and answers to sends, made from text."""

from domain.reasons import Reason, ReasonCode
from domain.settlement.envelopes import SendAnswer, SendStatus


def make_reason(sentence: str, code: ReasonCode = ReasonCode.TRANSFER_REFUSED) -> Reason:
    return Reason(code, sentence)


def parse_answer(words: str) -> SendAnswer:
    """An answer as the record shows it: `ERROR txBAD_AUTH`."""
    status, _, detail = words.partition(" ")
    return SendAnswer(SendStatus(status), detail)
