"""Limits on how often one client may try something, in this process; told as the draft RateLimit headers do."""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from fastapi import Request

from domain.access.login_attempts import get_network
from domain.errors import TooMany

CLIENTS_MAX = 10_000


@dataclass
class RateLimit:
    """`quota` tries in each window of so many seconds, for each client."""

    name: str
    quota: int
    seconds: int
    sentence: str
    windows: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def take(self, request: Request) -> None:
        """Count a try of the client who sends the request; raises TooMany beyond the quota."""
        client, now = get_client(request), time.monotonic()
        began, tries = self.windows.get(client, (now, 0))
        if now - began >= self.seconds:
            began, tries = now, 0
        self.windows[client] = began, tries + 1
        self.windows.move_to_end(client)
        if len(self.windows) > CLIENTS_MAX:
            self.windows.popitem(last=False)
        left, reset = self.quota - tries - 1, max(1, math.ceil(began + self.seconds - now))
        request.state.rate_limit = {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={self.seconds}',
            "RateLimit": f'"{self.name}";r={max(left, 0)};t={reset}',
        }
        if left < 0:
            raise TooMany(f"{self.sentence}: try again in {reset} seconds", reset)


def get_client(request: Request) -> str:
    """Return the network that a request came from; the server has believed its proxy, if it has one."""
    return get_network(get_address(request))


def get_address(request: Request) -> str:
    return request.client.host[:60] if request.client else "unknown"
