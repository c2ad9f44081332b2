"""Nothing is signed for a payee who asks for a memo (SEP-29), since whenever they do."""

import pytest
from stellar_sdk import Account, TransactionBuilder
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.accounts.memo_requirements import FRESH_SECONDS, MemoRequirements
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import Obstructed
from domain.reasons import ReasonCode
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PASSPHRASE, PAYER, SHOP
from tests.adapters.stellar.codes.test_results import make_transfer, sign
from tests.adapters.stellar.conftest import build_rail


async def ask_for_memo(
    sandbox: StellarSandbox, value: str | None = "1", name: str = "config.memo_required"
) -> None:
    """Have the shop's account ask for a memo with each payment, or stop asking."""
    known = sandbox.read_account(SHOP.public_key)
    assert known is not None
    source = Account(SHOP.public_key, known.sequence)
    builder = TransactionBuilder(source, PASSPHRASE, base_fee=10_000).add_time_bounds(0, 0)
    envelope = builder.append_manage_data_op(name, value).build()
    envelope.sign(SHOP)
    server = SorobanServerAsync("http://in-process", sandbox.create_client())
    await server.send_transaction(envelope)
    assert sandbox.close_ledger().applied


async def test_no_single_payment_is_signed_for_who_asks_for_a_memo(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    await ask_for_memo(sandbox)
    rail = build_rail(sandbox, nodes)
    with pytest.raises(Obstructed, match="asks for a memo with each payment") as refused:
        await sign(rail, classic=False)
    assert refused.value.reason.code is ReasonCode.PAYEE_REQUIRES_MEMO
    await ask_for_memo(sandbox, None)
    await sign(rail, classic=False)


async def test_the_members_of_a_batch_who_ask_for_a_memo_are_named(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    transfers = [make_transfer(number=7), make_transfer(PAYER.public_key, number=9)]
    rail = build_rail(sandbox, nodes)
    assert await rail.find_obstacles(transfers) == {}
    await ask_for_memo(sandbox)
    found = await build_rail(sandbox, nodes).find_obstacles(transfers)
    assert {number: reason.code for number, reason in found.items()} == {
        7: ReasonCode.PAYEE_REQUIRES_MEMO
    }


@pytest.mark.parametrize(
    ("name", "value"), [("config.memo_required", "0"), ("config.memo_wanted", "1")]
)
async def test_another_entry_asks_for_nothing(
    sandbox: StellarSandbox, nodes: Nodes, name: str, value: str
) -> None:
    await ask_for_memo(sandbox, value, name)
    assert await MemoRequirements(nodes).find_obstacles([make_transfer(number=7)]) == {}


async def test_one_read_serves_for_a_while_and_a_refusal_is_never_of_an_old_one(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    now = 0.0
    known, transfers = MemoRequirements(nodes, lambda: now), [make_transfer(number=7)]
    assert await known.find_obstacles(transfers) == {}
    asked = sandbox.network.calls.total()
    await ask_for_memo(sandbox)
    sent = sandbox.network.calls.total()
    assert await known.find_obstacles(transfers) == {}
    assert (sandbox.network.calls.total(), sent > asked) == (sent, True)
    now = FRESH_SECONDS
    assert set(await known.find_obstacles(transfers)) == {7}
    await ask_for_memo(sandbox, None)
    assert await known.find_obstacles(transfers) == {}
