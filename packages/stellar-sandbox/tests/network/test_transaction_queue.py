"""The rules of the transaction queue: DUPLICATE, TRY_AGAIN_LATER, bans, ages and fees."""

from __future__ import annotations

import pytest
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import CHANNELS, PAYER, SHOP
from stellar_sandbox.testing.wallet import Wallet, sign

CHANNEL = CHANNELS[0]


async def test_the_same_envelope_twice_is_a_duplicate(wallet: Wallet) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)

    assert await wallet.send(envelope) == "PENDING"
    assert await wallet.send(envelope) == "DUPLICATE"


async def test_one_transaction_per_account_waits_at_a_time(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    await wallet.send(wallet.build_payment(CHANNEL, 1))

    assert await wallet.send(wallet.build_payment(CHANNEL, 2)) == "TRY_AGAIN_LATER"
    assert await wallet.send(wallet.build_payment(CHANNEL, 1, (SHOP, "3"))) == "TRY_AGAIN_LATER"
    assert await wallet.send(wallet.build_payment(CHANNEL, 0, (SHOP, "3"))) == "ERROR txBAD_SEQ"


async def test_an_applied_payment_answers_try_later_ten_ledgers_long_and_then_bad_sequence(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger()

    for _ in range(10):
        assert await wallet.send(envelope) == "TRY_AGAIN_LATER"
        sandbox.close_ledger()
    assert await wallet.send(envelope) == "ERROR txBAD_SEQ"
    assert await wallet.read_status(envelope) == "SUCCESS"
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000


async def test_a_queued_payment_the_network_has_no_room_for_ages_out_and_is_banned(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.network.ledger.surge_pricing.classic_limits = (0,)

    for _ in range(4):
        assert await wallet.send(envelope) == "DUPLICATE"
        sandbox.close_ledger()
    for _ in range(10):
        assert await wallet.send(envelope) == "TRY_AGAIN_LATER"
        sandbox.close_ledger()
    sandbox.network.ledger.surge_pricing.classic_limits = (1,)
    assert await wallet.send(envelope) == "PENDING"


async def test_a_ledger_bound_is_exclusive(wallet: Wallet, sandbox: StellarSandbox) -> None:
    latest = sandbox.network.ledger.last_closed.sequence

    assert (
        await wallet.send(wallet.build_payment(CHANNEL, 1, max_ledger=latest + 1))
        == "ERROR txTOO_LATE"
    )
    envelope = wallet.build_payment(CHANNEL, 1, max_ledger=latest + 2)
    assert await wallet.send(envelope) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "SUCCESS"


async def test_a_transaction_with_too_little_life_left_is_refused_at_once(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    def until(seconds: int) -> object:
        builder = wallet.start_transaction(CHANNEL, 1).append_bump_sequence_op(0)
        max_time = sandbox.network.ledger.last_closed.close_time + seconds
        return sign(builder.add_time_bounds(0, max_time).build(), CHANNEL)

    assert await wallet.send(until(9)) == "ERROR txTOO_LATE"
    assert await wallet.send(until(10)) == "PENDING"


async def test_each_node_has_its_own_queue_and_one_payment_is_made(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    other = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    envelope = wallet.build_payment(CHANNEL, 1)
    rival = wallet.build_payment(CHANNEL, 1, (SHOP, "7"))

    assert await wallet.send(envelope) == "PENDING"
    assert await other.send(envelope) == "PENDING"
    assert await other.send(envelope) == "DUPLICATE"
    third = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(2)))
    assert await third.send(rival) == "PENDING"
    sandbox.close_ledger()
    assert {await wallet.read_status(envelope), await wallet.read_status(rival)} == {
        "SUCCESS",
        "NOT_FOUND",
    }
    assert sandbox.read_balance(SHOP.public_key) in (25_000_000, 70_000_000)


@pytest.mark.parametrize(
    ("fee", "sequence", "expected"),
    [(99, 1, "ERROR txINSUFFICIENT_FEE"), (100, 2, "ERROR txBAD_SEQ"), (100, 1, "PENDING")],
)
async def test_what_a_node_asks_of_every_envelope(
    wallet: Wallet, fee: int, sequence: int, expected: str
) -> None:
    assert await wallet.send(wallet.build_payment(CHANNEL, sequence, fee=fee)) == expected


async def test_a_wrong_network_or_a_wrong_key_is_bad_auth(wallet: Wallet) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)
    envelope.signatures = []
    assert await wallet.send(sign(envelope, PAYER)) == "ERROR txBAD_AUTH"


async def test_what_became_invalid_while_it_waited_is_banned(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    latest = sandbox.network.ledger.last_closed.sequence
    envelope = wallet.build_payment(CHANNEL, 1, max_ledger=latest + 2)
    await wallet.send(envelope)
    sandbox.network.ledger.surge_pricing.classic_limits = (0,)

    sandbox.close_ledger()
    assert await wallet.send(envelope) == "TRY_AGAIN_LATER"
