"""The client of a process that began before the workflow server."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters import temporal
from devstack.processes.ports import LOOPBACK, free

CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "start": lambda client: client.start_workflow("Any", id="any", task_queue="any"),
    "signal": lambda client: client.get_workflow_handle("any").signal("any"),
    "update": lambda client: client.get_workflow_handle("any").execute_update("any", id="any"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_server_that_was_never_there_is_away_as_one_that_is_no_more(
    call: Callable[[Client], Awaitable[Any]],
) -> None:
    client = await temporal.connect(f"{LOOPBACK}:{free()}", "default", lazy=True)
    with pytest.raises(RPCError) as refused:
        await call(client)
    assert refused.value.status is RPCStatusCode.UNAVAILABLE
