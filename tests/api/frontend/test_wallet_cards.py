"""The calls of the wallet cards on /setting; the network is asked, and what a caller states is not believed."""

import time

import pytest
from stellar_sdk import Keypair

from devstack.environment.stack import Stack
from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import WALLET, WALLET_STATUS, Texts
from tests.testkit.settlement.wallet_client import load_beneficiary

BALANCES = {"balances": Texts({"balance": str})}


def make_user() -> str:
    return f"usr-{time.time_ns()}"


async def test_a_wallet_is_created_funded_and_shown(browser: Browser) -> None:
    user = make_user()
    body = {"user_id": user}
    made = await browser.call("POST", "/wallets/create", WALLET, status=201, json=body)
    address = made["public_key"]
    assert (made["user_id"], made["funded"], made["trustline_ready"]) == (user, False, False)
    assert Keypair.from_secret(made["secret_seed"]).public_key == address
    shown = await browser.call("GET", f"/wallets/{user}", WALLET)
    assert (shown["public_key"], "secret_seed" in shown) == (address, False)
    shown_balance = await browser.call("GET", f"/wallets/{address}/balance", BALANCES)
    assert shown_balance["balances"] == {}
    # The frontend then has it funded, and reads status and balance again.
    await browser.call("GET", "/wallets/friendbot", params={"address": address})
    status = await browser.call("GET", f"/wallets/{user}/status", WALLET_STATUS)
    assert (status["funded"], status["trustline_ready"], status["usable"]) == (True, False, False)
    shown_balance = await browser.call("GET", f"/wallets/{address}/balance", BALANCES)
    assert list(shown_balance["balances"]) == ["XLM"]
    assert float(shown_balance["balances"]["XLM"]["balance"]) > 0


async def test_a_second_click_creates_no_second_wallet(browser: Browser) -> None:
    body = {"user_id": make_user()}
    made = await browser.call("POST", "/wallets/create", WALLET, status=201, json=body)
    again = await browser.call("POST", "/wallets/create", WALLET, json=body)
    assert (again["public_key"], again["secret_seed"]) == (made["public_key"], None)


async def test_a_linked_wallet_is_what_the_network_says(browser: Browser, stack: Stack) -> None:
    """The account of the beneficiary has a trustline and money; another states that it has."""
    owner, address = make_user(), load_beneficiary(stack).public_key
    shown_balance = await browser.call("GET", f"/wallets/{address}/balance", BALANCES)
    assert set(shown_balance["balances"]) == {"XLM", "USDC"}
    boast = {"funded": True, "trustline_ready": True}
    body = {"user_id": owner, "public_key": Keypair.random().public_key} | boast
    linked = await browser.call("POST", "/wallets/link", WALLET, json=body)
    assert (linked["funded"], linked["trustline_ready"]) == (False, False)
    shown = await browser.call("GET", f"/wallets/{owner}/status", WALLET_STATUS)
    assert (shown["public_key"], shown["usable"]) == (body["public_key"], False)


@pytest.mark.parametrize(
    ("method", "path", "status", "rest"),
    [
        ("GET", "/wallets/nobody", 404, {}),
        ("GET", "/wallets/nobody/status", 404, {}),
        ("GET", "/wallets/nobody/balance", 404, {}),
        ("GET", "/wallets/friendbot", 422, {"params": {"address": "GABC"}}),
        ("GET", f"/wallets/{'G' * 56}/balance", 422, {}),
        ("POST", "/wallets/create", 422, {"json": {"user_id": ""}}),
        ("POST", "/wallets/link", 422, {"json": {"user_id": "x", "public_key": "G" * 56}}),
    ],
)
async def test_what_is_no_wallet_is_refused(
    browser: Browser, method: str, path: str, status: int, rest: dict[str, dict[str, str]]
) -> None:
    assert await browser.refuse(method, path, status, **rest)


async def test_the_friendbot_funds_only_what_is_registered(browser: Browser) -> None:
    stranger = {"address": Keypair.random().public_key}
    assert "not registered" in await browser.refuse(
        "GET", "/wallets/friendbot", 404, params=stranger
    )
