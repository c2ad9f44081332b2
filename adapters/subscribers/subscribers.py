"""
The HTTP client for webhook receivers: the only file that posts to a URL chosen by a caller.

A host is resolved once for each connection, every address it has is checked, and one of those is connected to,
with the name still in Host and in the certificate that is asked for. No proxy, no redirect, no cookie is followed.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiohttp

from adapters.subscribers.addresses import is_permitted
from adapters.subscribers.answers import (
    ATTEMPT_SECONDS,
    CONNECT_SECONDS,
    NoAnswer,
    ReceiverAnswer,
    describe_failure,
)
from adapters.subscribers.receiver_urls import parse_url
from adapters.subscribers.resolver import VettingResolver
from adapters.subscribers.url_checks import PRIVATE, Lookup, check_scheme, find_addresses
from domain.errors import Invalid

# Of the answer's body: enough for a sentence of the receiver's.
EXCERPT_BYTES = 1024
# How long the body of an answer is waited for: what the receiver has done with the event, its status has said.
EXCERPT_SECONDS = 2.0


class Subscribers:
    """`lookup` resolves names: that of the system, unless a test brings its own."""

    def __init__(
        self,
        *,
        allow_private: bool,
        lookup: Lookup = find_addresses,
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self.allow_private, self.attempt_seconds = allow_private, attempt_seconds
        self.lookup = lookup
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ReceiverAnswer:
        """Post once. Raises NoAnswer, and Invalid for a URL that may not be posted to."""
        target = parse_url(url)
        check_scheme(target, allow_private=self.allow_private)
        if target.literal:
            self.vet([target.host])
        deadline = asyncio.get_running_loop().time() + self.attempt_seconds
        try:
            return await self._post(url, body, headers, deadline)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NoAnswer(describe_failure(error, self.attempt_seconds)) from None

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> ReceiverAnswer:
        session = self._session = self._session or self._open()
        plain = {"accept-encoding": "identity", "user-agent": "ApexChainx-Webhooks"}
        async with asyncio.timeout_at(deadline):
            response = await session.post(
                url, data=body, headers=plain | dict(headers), allow_redirects=False
            )
        try:
            begun = await _read_beginning(response, deadline)
        finally:
            response.close()  # whatever comes now is not read; what came whole has given its connection back
        encoded = response.headers.get("content-encoding", "identity") != "identity"
        excerpt = "" if encoded else begun.decode(errors="replace").replace("\0", "\ufffd")
        return ReceiverAnswer(response.status, response.headers.get("retry-after"), excerpt)

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,  # who posts says how many go to one receiver at once
            resolver=VettingResolver(self.lookup, self.vet),
            use_dns_cache=False,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        )

    def vet(self, addresses: list[str]) -> None:
        """Refuse a receiver of which any address is not public."""
        for address in addresses:
            if not is_permitted(address, allow_loopback=self.allow_private):
                raise Invalid("url", PRIVATE)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _read_beginning(response: aiohttp.ClientResponse, deadline: float) -> bytearray:
    """Return the beginning of an answer's body, as far as it comes: one that drips or breaks off is an answer too."""
    begun, soon = bytearray(), asyncio.get_running_loop().time() + EXCERPT_SECONDS
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout_at(min(deadline, soon)):
            while len(begun) < EXCERPT_BYTES:
                part = await response.content.read(EXCERPT_BYTES - len(begun))
                if not part:
                    break
                begun += part
    return begun
