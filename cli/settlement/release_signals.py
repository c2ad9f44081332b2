"""Signals to the workflows that wait for the release of a channel."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Unavailable

SIGNAL_TIMEOUT = timedelta(seconds=10)


async def signal_retry(client: Client, workflow_ids: Sequence[str]) -> list[str]:
    """Signal the workflows, print what became of each, and return those that may not have got it."""
    not_signalled = []
    for name in workflow_ids:
        try:
            await client.get_workflow_handle(name).signal("retry", rpc_timeout=SIGNAL_TIMEOUT)
            print(f"signalled {name} to go on")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                not_signalled.append(name)
                print(f"could not signal {name}: {error.status.name.lower()}")
            # What is left of a batch belongs to another workflow, or its workflow has ended.
            elif name.startswith("payment/"):
                print(f"no workflow {name} runs: the payment is not made until it is started again")
    return not_signalled


async def signal_waiting(client: Client, workflow_ids: Sequence[str]) -> None:
    """Signal the workflows that wait; fail if one could not be reached, since it would wait for hours."""
    if not_signalled := await signal_retry(client, workflow_ids):
        raise Unavailable(
            f"released, and {len(not_signalled)} that wait for it could not be signalled, because Temporal does not "
            "answer: run this command again"
        )


async def signal_paid(client: Client, workflow_ids: Sequence[str]) -> str:
    """Have a payment that proved paid look again; say whether it will."""
    if await signal_retry(client, workflow_ids):
        return "the payment could not be signalled, because Temporal does not answer: run this command again"
    return "the payment was notified to check again and will be confirmed"
