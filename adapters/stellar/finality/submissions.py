"""Send stored bytes, and write down the answer: it is a note, and never proof of anything."""

import logging

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Meaning, Remedy
from adapters.stellar.rpc.nodes import Node, Nodes
from domain.settlement.envelopes import SendAnswer, SendStatus

log = logging.getLogger(__name__)


async def send(nodes: Nodes, envelope_xdr: str, first: Node | None = None) -> SendAnswer:
    """
    Send stored bytes, to another node each time.

    Whatever is not a parsed answer is unknown, never "not sent".
    """
    try:
        response = await nodes.send(envelope_xdr, first)
        if trouble := results.find_alarm(response):
            log.error("ALARM: %s: %s", response.hash, trouble)
        return results.to_send_answer(response)
    except Exception as error:
        # Its text may quote what was sent.
        return SendAnswer(SendStatus.UNKNOWN, type(error).__name__)


def log_alarm(found: Meaning, subject: str) -> None:
    """Tell operators what only they can mend."""
    if found.remedy is Remedy.PAGE:
        log.error("ALARM: %s: %s", subject, found.sentence)
