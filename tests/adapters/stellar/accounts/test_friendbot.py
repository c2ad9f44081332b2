"""The friendbot of a test network funds an account, or says why not."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import httpx
import pytest

from adapters.stellar.accounts import wallets
from adapters.stellar.accounts.wallets import fund_account
from domain.errors import ChainUnavailable, Conflict
from stellar_sandbox.testing.accounts import derive_keypair

ALICE, BOB, MALLORY = derive_keypair("alice"), derive_keypair("bob"), derive_keypair("mallory")


@pytest.fixture
def friendbot(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """A friendbot that gives one answer to everybody."""

    def says(status: int, text: str) -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, text=text))
        client = partial(httpx.AsyncClient, transport=transport)
        monkeypatch.setattr(
            wallets, "httpx", SimpleNamespace(**vars(httpx) | {"AsyncClient": client})
        )

    return says


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "{}"),
        (202, ""),
        (400, '{"detail": "account already funded to starting balance"}'),
        (400, '{"detail": "createAccountAlreadyExist (AAAAAAAAAGT/////AAAAAQ==)"}'),
        (400, '{"extras": {"result_codes": {"operations": ["op_already_exists"]}}}'),
    ],
)
async def test_a_funded_account_is_accepted_from_the_friendbot(
    friendbot: Callable[[int, str], None], status: int, text: str
) -> None:
    friendbot(status, text)
    await fund_account("http://friendbot", ALICE.public_key)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_friendbot_is_asked_again(
    friendbot: Callable[[int, str], None], status: int
) -> None:
    friendbot(status, "rate limit exceeded: already funded too many")
    with pytest.raises(
        ChainUnavailable, match=f"the friendbot answered {status}; repeat the request"
    ):
        await fund_account("http://friendbot", ALICE.public_key)


@pytest.mark.parametrize("status", [302, 400, 403, 404])
async def test_a_friendbot_that_refuses_is_an_error(
    friendbot: Callable[[int, str], None], status: int
) -> None:
    friendbot(status, "no")
    with pytest.raises(
        Conflict, match=f"the friendbot did not fund the account; it answered {status}"
    ):
        await fund_account("http://friendbot", ALICE.public_key)
