"""Submit stored bytes to a node; its answer is recorded, and is never proof of anything."""

import logging

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Meaning, Remedy
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from domain.settlement.envelopes import SendAnswer, SendStatus

log = logging.getLogger(__name__)


async def send(nodes: Nodes, envelope_xdr: str, first: RpcNode | None = None) -> SendAnswer:
    """
    Send stored bytes, each time to another node.

    Everything but a parsed answer means unknown, and never "not sent".
    """
    try:
        response = await nodes.send(envelope_xdr, first)
        if trouble := results.find_alarm(response):
            log.error("ALARM: %s: %s", response.hash, trouble)
        return results.to_send_answer(response)
    except Exception as error:
        # The error's text may quote what was sent.
        return SendAnswer(SendStatus.UNKNOWN, type(error).__name__)


def log_alarm(found: Meaning, subject: str) -> None:
    """Log an alarm when only operators can repair the cause."""
    if found.remedy is Remedy.PAGE:
        log.error("ALARM: %s: %s", subject, found.sentence)
