"""Which addresses may be posted to: given to the function that decides, and never connected to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.subscribers.addresses import is_permitted

PRIVATE = [
    # this machine, and no machine
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::"),
    # private, carrier-grade NAT, link local, with the clouds' metadata
    *("10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1", "100.100.100.200"),
    *("169.254.169.254", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fe80::1", "fec0::1"),
    # documentation, benchmarks, 6to4 relays, multicast, reserved, broadcast
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "2001:db8::1", "3fff::1", "ff02::1"),
    *("100::1", "5f00::1"),
    # an IPv4 address inside: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::8.8.8.8"),
    *("::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::8.8.8.8"),
    *("2002:0a00:0001::1", "2002:0808:0808::1", "2001:0:0a00:1::1"),
    *("2620:fe::5efe:10.0.0.1", "2620:fe::200:5efe:10.0.0.1"),
    # not an address at all, or not in the one spelling
    *("fe80::1%eth0", "127.1", "0177.0.0.1", "2130706433", "", "localhost"),
]
PUBLIC = [
    *("8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2620:fe::fe"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]
# From IANA's registries of special-purpose addresses; whatever lies in them is nobody's receiver.
SPECIAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/29", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_public_internet_is_not_posted_to(address: str) -> None:
    assert not is_permitted(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_posted_to(address: str) -> None:
    assert is_permitted(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_a_sandbox_may_post_to_its_own_machine(address: str) -> None:
    assert is_permitted(address, allow_loopback=True)
    assert not is_permitted(address)


@pytest.mark.parametrize("address", sorted(set(PRIVATE) - {"127.0.0.1", "127.255.255.254", "::1"}))
def test_a_sandbox_may_post_to_no_other_private_address(address: str) -> None:
    assert not is_permitted(address, allow_loopback=True)


@given(network=st.sampled_from(SPECIAL), offset=st.integers(0, 2**28), carrier=st.booleans())
def test_no_special_address_is_posted_to_however_it_is_carried(
    network: str, offset: int, carrier: bool
) -> None:
    block = ipaddress.IPv4Network(network)
    address = block[offset % block.num_addresses]
    assert not is_permitted(f"::ffff:{address}" if carrier else str(address))
    assert not is_permitted(f"64:ff9b::{address}")
