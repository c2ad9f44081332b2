"""
Whether a receiver may be registered: its URL leads to the public Internet.

Apart from the client that posts, whose library the API has no use for: loading it costs 15 MB.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from adapters.subscribers.addresses import is_permitted
from adapters.subscribers.receiver_urls import ReceiverUrl, parse_url
from domain.errors import Invalid

PRIVATE = "must not lead to a private address"
Lookup = Callable[[str, int], Awaitable[list[str]]]
# A name whose servers do not answer keeps a thread for half a minute, however soon nobody waits for it any more. It
# has one, however many ask for it, and these threads are nobody else's: so it is in the way of no other name.
_THREADS = ThreadPoolExecutor(64, thread_name_prefix="lookup")
_lookups: dict[tuple[str, int], Future[list[Any]]] = {}


async def find_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises OSError when it has none."""
    asked = (host, port)
    if (lookup := _lookups.get(asked)) is None:
        lookup = _THREADS.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        _lookups[asked] = lookup
        lookup.add_done_callback(lambda _: _lookups.pop(asked, None))
    # Who gives up does not take it from the others.
    found = await asyncio.shield(asyncio.wrap_future(lookup))
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def check_scheme(target: ReceiverUrl, *, allow_private: bool) -> None:
    """Refuse plain HTTP, but to this machine itself where a sandbox permits that."""
    if target.scheme != "https" and not allow_private:
        raise Invalid("url", "must be https://")


async def check_url(url: str, *, allow_private: bool, lookup: Lookup = find_addresses) -> None:
    """
    Check, when it is registered, that the URL of a receiver leads to the public Internet.

    Raises Invalid when it does not; `allow_private` permits http://, and this machine's own addresses.
    """
    target = parse_url(url)
    check_scheme(target, allow_private=allow_private)
    if target.literal:
        addresses = [target.host]
    else:
        try:
            addresses = await lookup(target.host, target.port)
        except OSError:
            if allow_private:
                return
            raise Invalid("url", f"the host {target.host!r} has no address") from None
    if not all(is_permitted(each, allow_loopback=allow_private) for each in addresses):
        raise Invalid("url", PRIVATE)
