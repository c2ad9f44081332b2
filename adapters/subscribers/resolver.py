"""How the name of a receiver becomes the addresses that may be connected to."""

import socket
from collections.abc import Callable

from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.subscribers.url_checks import Lookup


class VettingResolver(AbstractResolver):
    """Gives the client the addresses that were checked, so that it can connect to no others."""

    def __init__(self, lookup: Lookup, vet: Callable[[list[str]], None]) -> None:
        self.lookup, self.vet = lookup, vet

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self.lookup(host, port)
        self.vet(addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
