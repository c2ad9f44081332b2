"""
Which addresses a webhook may be sent to: those that anybody in the world could reach, and no others.

The standard library knows most of IANA's special-purpose registries, which grow from one Python to the next;
what matters here stands below, so that it is the same on each.
"""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 addresses that carry an IPv4 address in their last 32 bits, to which they lead: from here, or from a gateway
# (NAT64), whose loopback is not ours.
_MAPPED, _TRANSLATED = map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96"))
_REFUSED: Sequence[Network] = tuple(
    map(
        ipaddress.ip_network,
        (
            # RFC 6598 (carrier-grade NAT, and Alibaba's metadata), RFC 7526 (6to4 relays), RFC 2544, RFC 6890 (Oracle's metadata)
            *("100.64.0.0/10", "192.88.99.0/24", "198.18.0.0/15", "192.0.0.0/24"),
            # Azure's host, which answers to every machine of its own: a public number all the same
            "168.63.129.16/32",
            # IPv4-compatible, IPv4-translated, NAT64 of a site's own, discard, Teredo, ORCHID, 6to4
            *("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16"),
            # documentation, segment routing, unique local, link local, site local, multicast
            *("2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10"),
            "ff00::/8",
        ),
    )
)
# An interface of ISATAP carries an IPv4 address behind these 32 bits.
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_permitted(text: str, *, allow_loopback: bool = False) -> bool:
    """
    Return whether an address, as a resolver or a URL gives it, is one of the public Internet.

    `allow_loopback` permits this machine's own (127.0.0.0/8, ::1), and nothing else that is private.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        allow_loopback = allow_loopback and address not in _TRANSLATED
        if address in _MAPPED or address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.is_loopback:
        return allow_loopback
    return _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    special = address.is_multicast or address.is_reserved or not address.is_global
    return not special and not any(
        address in network for network in _REFUSED if network.version == address.version
    )
