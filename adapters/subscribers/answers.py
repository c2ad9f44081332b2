"""What a receiver answers, or why it gives no answer."""

import ssl
from dataclasses import dataclass

import aiohttp

# A whole attempt: name, connection, request and the beginning of the answer.
ATTEMPT_SECONDS = 15.0
CONNECT_SECONDS = 5.0


class NoAnswer(Exception):
    """The receiver gave no answer; the sentence says why, without its URL."""


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What a receiver said: its status, its Retry-After, and the beginning of its body as text."""

    code: int
    retry_after: str | None = None
    excerpt: str = ""


def describe_failure(error: Exception, attempt_seconds: float) -> str:
    """Return in words why there is no answer."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its host has no address"
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return "its certificate is not valid"
        case aiohttp.ClientConnectorSSLError():
            return "it speaks no TLS"
        case aiohttp.ConnectionTimeoutError():
            return f"it could not be connected to within {CONNECT_SECONDS:g} seconds"
        case TimeoutError():
            return f"it had not answered after {attempt_seconds:g} seconds"
        case aiohttp.ClientConnectorError():
            return "it refused the connection"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "it closed the connection"
        case _:
            return "its answer was not HTTP"
