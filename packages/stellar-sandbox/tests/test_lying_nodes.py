"""A node that lies: in one method or in all, while the others go on telling the truth."""

from __future__ import annotations

import pytest
from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault, InvalidFaultPlan
from stellar_sandbox.testing.accounts import CHANNELS, CONTRACT, PAYER, SHOP, STRANGER
from stellar_sandbox.testing.wallet import Wallet, bump

CHANNEL = CHANNELS[0]
CALLS = EventFilter(type=EventFilterType.CONTRACT, contractIds=[CONTRACT])


@pytest.fixture
def liar(sandbox: StellarSandbox) -> SorobanServerAsync:
    return SorobanServerAsync("http://in-process", sandbox.create_client(1))


async def count_events(server: SorobanServerAsync, ledger: int) -> int:
    return len((await server.get_events(start_ledger=ledger, filters=[CALLS])).events)


async def read_page_status(server: SorobanServerAsync, ledger: int) -> list[str]:
    page = await server.get_transactions(start_ledger=ledger, limit=10)
    return [each.status for each in page.transactions]


@pytest.mark.parametrize("fee_bump", [False, True])
async def test_what_was_applied_is_called_failed(
    wallet: Wallet, sandbox: StellarSandbox, liar: SorobanServerAsync, fee_bump: bool
) -> None:
    inner = await wallet.build_transfer(CHANNEL, 1)
    envelope = bump(inner, 5_000) if fee_bump else inner
    await wallet.send(envelope)
    sandbox.close_ledger()
    sandbox.set_faults(Fault("lying_failed", node=1))
    honest, claimed = [
        await server.get_transaction(inner.hash_hex()) for server in (wallet.server, liar)
    ]
    assert (honest.status.value, claimed.status.value) == ("SUCCESS", "FAILED")
    assert (claimed.envelope_xdr, claimed.ledger) == (honest.envelope_xdr, honest.ledger)
    whole = xdr.TransactionResult.from_xdr(claimed.result_xdr or "").result
    pair = whole.inner_result_pair
    code = pair.result.result.code if pair else whole.code
    assert code is xdr.TransactionResultCode.txFAILED
    assert pair is None or pair.transaction_hash.hash.hex() == inner.hash_hex()
    ledger = honest.ledger or 0
    assert await read_page_status(wallet.server, ledger) == ["SUCCESS"]
    assert await read_page_status(liar, ledger) == ["FAILED"]
    assert (await count_events(wallet.server, ledger), await count_events(liar, ledger)) == (1, 0)
    assert sandbox.network.faults.counts["lying_failed"] == 3


async def test_a_lie_in_one_method_leaves_the_others_true(
    wallet: Wallet, sandbox: StellarSandbox, liar: SorobanServerAsync
) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger()
    sandbox.set_faults(Fault("lying_failed", node=1, method="getTransaction"))
    claimed = await liar.get_transaction(envelope.hash_hex())
    assert claimed.status.value == "FAILED"
    assert await count_events(liar, claimed.ledger or 0) == 1


async def test_kept_bytes_are_shown_as_applied_by_the_node_that_kept_them(
    wallet: Wallet, sandbox: StellarSandbox, liar: SorobanServerAsync
) -> None:
    sandbox.set_faults(Fault("lying_success", node=1))
    envelope = await wallet.build_transfer(CHANNEL, 1)
    assert await Wallet(liar).send(envelope) == "PENDING"
    assert await Wallet(liar).read_status(envelope) == "NOT_FOUND"
    sandbox.close_ledger()
    claimed = await liar.get_transaction(envelope.hash_hex())
    assert (claimed.status.value, claimed.envelope_xdr) == ("SUCCESS", envelope.to_xdr())
    ledger = claimed.ledger or 0
    assert await read_page_status(liar, ledger) == ["SUCCESS"]
    assert await count_events(liar, ledger) == 1
    assert (await liar.load_account(CHANNEL.public_key)).sequence == 1
    # Nothing of it is true.
    assert await wallet.read_status(envelope) == "NOT_FOUND"
    assert await count_events(wallet.server, ledger) == 0
    assert (await wallet.server.load_account(CHANNEL.public_key)).sequence == 0
    assert sandbox.read_balance(SHOP.public_key) == 0
    sandbox.set_faults()
    assert await Wallet(liar).read_status(envelope) == "NOT_FOUND"


async def test_a_sequence_is_shown_too_high(
    wallet: Wallet, sandbox: StellarSandbox, liar: SorobanServerAsync
) -> None:
    sandbox.set_faults(Fault("high_sequence", node=1, value=7, address=CHANNEL.public_key))
    assert (await liar.load_account(CHANNEL.public_key)).sequence == 7
    assert (await liar.load_account(PAYER.public_key)).sequence == 0
    assert (await wallet.server.load_account(CHANNEL.public_key)).sequence == 0
    with pytest.raises(InvalidFaultPlan, match="There is no account"):
        sandbox.set_faults(Fault("high_sequence", value=1, address=STRANGER.public_key))


async def test_ledgers_close_by_another_clock(wallet: Wallet, sandbox: StellarSandbox) -> None:
    sandbox.close_ledger()
    before = sandbox.network.ledger.last_closed.close_time
    sandbox.set_faults(Fault("ledger_clock_offset", value=900))
    sandbox.close_ledger()
    assert sandbox.network.ledger.last_closed.close_time == before + 905
    late = wallet.start_transaction(CHANNEL, 1)
    late.time_bounds = None
    late.add_time_bounds(0, before + 600).append_bump_sequence_op(0)
    envelope = late.build()
    envelope.sign(CHANNEL)
    assert await wallet.send(envelope) == "ERROR txTOO_LATE"
    # Close times never go back.
    sandbox.set_faults()
    sandbox.close_ledger()
    assert sandbox.network.ledger.last_closed.close_time == before + 906
