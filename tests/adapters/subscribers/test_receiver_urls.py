"""A receiver's URL is read in one way only, when it is registered."""

import pytest

from adapters.subscribers.receiver_urls import ReceiverUrl, parse_url
from domain.errors import Invalid


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://example.net/", "must be http"),
        ("//example.net/", "must be http"),
        ("https://", "with a host"),
        ("https:///path", "with a host"),
        ("https://user:secret@example.net/", "user name or password"),
        ("https://user@example.net/", "user name or password"),
        ("https://:secret@example.net/", "user name or password"),
        ("https://@example.net/", "user name or password"),
        ("https://example.net:99999/", "is not a URL"),
        ("https://example.net:0/", "a port from 1 to 65535"),
        ("https://example.net:/", "a port from 1 to 65535"),
        ("https://example.net/#a", "fragment"),
        ("https://example.net/#", "fragment"),
        ("https://a..b/", "host name of letters"),
        ("https://.example.net/", "host name of letters"),
        ("https://example.net./", "host name of letters"),
        ("https://-a.example.net/", "host name of letters"),
        ("https://a_b.example.net/", "host name of letters"),
        ("https://xn--/", "host name of letters"),
        (f"https://{'a' * 64}.example.net/", "host name of letters"),
        (f"https://{'a.' * 130}net/", "host name of letters"),
        ("https://127.1/", "four decimal parts"),
        ("https://2130706433/", "four decimal parts"),
        ("https://0x7f000001/", "four decimal parts"),
        ("https://0177.0.0.1/", "four decimal parts"),
        ("https://1.2.3.256/", "four decimal parts"),
        ("https://[fe80::1%25eth0]/", "without a zone"),
        ("https://[::g]/", "is not a URL|without a zone"),
        ("https://exam ple.net/", "plain ASCII"),
        ("https://example.net/\n", "plain ASCII"),
        ("https://exämple.net/", "plain ASCII"),
        ("https://example.net\\@other.example/", "plain ASCII"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint) as refused:
        parse_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.NET/hook?a=1", ReceiverUrl("https", "example.net", 443)),
        ("http://example.net:8080", ReceiverUrl("http", "example.net", 8080)),
        ("https://xn--bcher-kva.example/", ReceiverUrl("https", "xn--bcher-kva.example", 443)),
        ("https://1and1.example/", ReceiverUrl("https", "1and1.example", 443)),
        ("https://8.8.8.8:8443/x", ReceiverUrl("https", "8.8.8.8", 8443)),
        ("https://[2620:FE::fe]/", ReceiverUrl("https", "2620:fe::fe", 443)),
        ("http://localhost:9/", ReceiverUrl("http", "localhost", 9)),
    ],
)
def test_what_it_leads_to_is_known_when_it_is_registered(url: str, target: ReceiverUrl) -> None:
    assert parse_url(url) == target
    assert target.literal == (target.host in ("8.8.8.8", "2620:fe::fe"))
