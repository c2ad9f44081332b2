"""The HTTP client for webhook receivers: the only file that posts to a URL chosen by a caller."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from domain.errors import Invalid

TIMEOUT = httpx.Timeout(15, connect=5)


class Subscribers:
    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private
        # A redirect could send a signed event to any address, so none is followed.
        self.client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Post and return the status code; raise httpx.HTTPError when there is no answer."""
        await check_url(url, allow_private=self.allow_private)
        response = await self.client.post(url, content=body, headers=headers)
        return response.status_code

    async def close(self) -> None:
        await self.client.aclose()


async def check_url(url: str, *, allow_private: bool) -> None:
    """
    Check that a receiver's URL is plain HTTP(S) and leads to a public address.

    Raises Invalid when it is not; `allow_private` permits private addresses and http://.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(
            "url", "must be plain ASCII without spaces: write other letters as %xx or xn--"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("url", "is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid("url", "must be http:// or https:// with a host")
    if parts.username or parts.password:
        raise Invalid("url", "must not carry a user name or password")
    if allow_private:
        return
    if parts.scheme != "https":
        raise Invalid("url", "must be https://")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, port or 443, type=socket.SOCK_STREAM
        )
    except OSError:
        raise Invalid("url", f"the host {parts.hostname!r} has no address") from None
    for *_, address in found:
        if not ipaddress.ip_address(address[0]).is_global:
            raise Invalid("url", "must not lead to a private address")
