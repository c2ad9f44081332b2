"""
Reads a connection in small parts.

A loop reads a quarter of a megabyte at once from each connection that has something, before anybody can look at
what it is. A thousand of those are more than the process may cost.
"""

import asyncio

PART_BYTES = 16 * 1024
# One for all: what is read into it is parsed before anything else is read.
_part = bytearray(PART_BYTES)


class SmallReads(asyncio.BufferedProtocol):
    """Hands what a connection reads, part by part, to the protocol that serves it."""

    def __init__(self, served: asyncio.Protocol) -> None:
        self.served = served

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.served.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.served.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> bytearray:
        return _part

    def buffer_updated(self, nbytes: int) -> None:
        self.served.data_received(bytes(_part[:nbytes]))

    def eof_received(self) -> bool | None:
        return self.served.eof_received()

    def pause_writing(self) -> None:
        self.served.pause_writing()

    def resume_writing(self) -> None:
        self.served.resume_writing()
