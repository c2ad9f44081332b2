"""A subscriber's URL must lead to a public address."""

import pytest

from adapters.subscribers import Subscribers, check_url
from domain.errors import Invalid
from tests.testkit.webhook_receiver import WebhookReceiver


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://192.168.0.1:8443/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://100.127.255.254/",
        "https://2130706433/",
        "https://localhost/",
    ],
)
async def test_an_internal_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="url: must not lead to a private address"):
        await check_url(url, allow_private=False)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://93.184.215.14/", "must be https"),
        ("ftp://93.184.215.14/", "must be http"),
        ("https://", "with a host"),
        ("https://user:secret@93.184.215.14/", "user name or password"),
        ("https://user@93.184.215.14/", "user name or password"),
        ("https://:secret@93.184.215.14/", "user name or password"),
        ("https://93.184.215.14:99999/", "is not a URL"),
        ("//93.184.215.14/", "must be http"),
    ],
)
async def test_a_malformed_url_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        await check_url(url, allow_private=False)


async def test_a_public_address_is_accepted() -> None:
    await check_url("https://93.184.215.14/hook", allow_private=False)


async def test_a_redirect_is_not_followed() -> None:
    async with WebhookReceiver(answers=[302]) as receiver:
        subscribers = Subscribers(allow_private=True)
        assert await subscribers.post(receiver.url, b"{}", {}) == 302
        await subscribers.close()
    assert len(receiver.received) == 1


async def test_the_address_is_checked_again_before_every_post() -> None:
    """A host name may resolve to another address by then."""
    async with WebhookReceiver() as receiver:
        subscribers = Subscribers(allow_private=False)
        with pytest.raises(Invalid):
            await subscribers.post(receiver.url, b"{}", {})
        await subscribers.close()
    assert receiver.received == []
