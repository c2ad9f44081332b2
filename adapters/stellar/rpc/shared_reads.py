"""Shared reads: what many payments ask of one node about one ledger is read once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from adapters.stellar.rpc.nodes import RpcNode

Value = TypeVar("Value")
KEPT_MAX = 64


class SharedReads(Generic[Value]):
    """Remembers the last reads, and those that are under way; one that failed is read again."""

    def __init__(self) -> None:
        self._reads: OrderedDict[tuple[Any, ...], asyncio.Task[Value]] = OrderedDict()

    async def read(
        self,
        node: RpcNode,
        ledger: int,
        about: Any,
        make: Callable[[], Coroutine[Any, Any, Value]],
    ) -> Value:
        """Return what `make` reads from a node about a closed ledger, which never changes."""
        key = (node.name, ledger, about)
        task = self._reads.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._reads[key] = asyncio.create_task(make())
            if len(self._reads) > KEPT_MAX:
                self._reads.popitem(last=False)
        # Who gives up does not end the read of the others.
        return await asyncio.shield(task)

    def forget(self, ledger: int) -> None:
        """Read about a ledger again, since what was read is in doubt."""
        for key in [key for key in self._reads if key[1] == ledger]:
            del self._reads[key]
