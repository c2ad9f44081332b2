"""
The URL of a receiver, parsed once and strictly when it is registered.

Whatever two parsers could read in two ways is refused: what is checked here is then what is connected to.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import Invalid

PORTS = {"http": 80, "https": 443}
HOST_MAX = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReceiverUrl:
    """`host` is a name in lower case or a literal address without brackets; the rest may be a secret."""

    scheme: str
    host: str
    port: int

    @property
    def literal(self) -> bool:
        """Whether the host is an address, and no name."""
        return ":" in self.host or self.host[-1].isdigit()


def parse_url(url: str) -> ReceiverUrl:
    """Return what the URL of a receiver leads to. Raises Invalid, which never repeats the URL."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise Invalid(
            "url", "must be plain ASCII without spaces: write other letters as %xx or xn--"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("url", "is not a URL") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise Invalid("url", "must be http:// or https:// with a host")
    if "@" in parts.netloc:
        raise Invalid("url", "must not carry a user name or password")
    if parts.fragment or "#" in url:
        raise Invalid("url", "must not have a fragment (#...): it is never sent")
    if port == 0 or parts.netloc.endswith(":"):
        raise Invalid("url", "must have a port from 1 to 65535, or none")
    return ReceiverUrl(parts.scheme, _check_host(parts.hostname), port or PORTS[parts.scheme])


def _check_host(host: str) -> str:
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            address = None
        if address is None or address.scope_id is not None:
            raise Invalid("url", "must have a literal IPv6 address without a zone, or a name")
        return str(address)
    labels = host.split(".")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # 127.1 and 0x7f000001 are addresses to some programs, and names to others.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Invalid(
                "url", "must have an IPv4 address of four decimal parts, or a name"
            ) from None
    if len(host) > HOST_MAX or not all(map(_is_label, labels)):
        raise Invalid(
            "url",
            "must have a host name of letters, digits and hyphens, in parts of 1 to 63 between dots",
        )
    return host


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    if not label.startswith("xn--"):
        return True
    try:
        return not label[4:].encode().decode("punycode").isascii()
    except UnicodeError:
        return False
