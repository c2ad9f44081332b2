"""A transfer that was read from one node confirms nothing before a second node shows it."""

from adapters.stellar.rail import Rail
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import SettlementRail
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PAYER, SHOP
from tests.adapters.stellar.conftest import CHANNELS, build_nodes, build_rail, plan_faults

ADDRESS = next(iter(CHANNELS))
OWED = Transfer(7, Treasury.BOND, PAYER.public_key, SHOP.public_key, 25, (Allocation("pay", 25),))
KEEPS = {"kind": "lying_success", "node": 0}


def open_rail(sandbox: StellarSandbox, count: int) -> Rail:
    return build_rail(sandbox, build_nodes(sandbox, count))


async def send(sandbox: StellarSandbox, rail: Rail) -> tuple[Envelope, int]:
    """Send a payment to the first node, close a ledger, and return it with that ledger."""
    envelope = await rail.sign([OWED], SettlementRail.SOROBAN, ADDRESS, 1, 0)
    await rail.nodes.all[0].server.send_transaction(envelope.xdr)
    sandbox.close_ledger()
    return envelope, await rail.get_latest_ledger()


async def test_two_nodes_corroborate_what_was_applied(sandbox: StellarSandbox) -> None:
    rail = open_rail(sandbox, 3)
    envelope, ledger = await send(sandbox, rail)
    assert await rail.is_corroborated(envelope.hash, ledger)
    assert not await rail.is_corroborated(envelope.hash, ledger + 1)
    plan_faults(sandbox, {"kind": "node_down", "node": 1})
    assert await open_rail(sandbox, 3).is_corroborated(envelope.hash, ledger)
    plan_faults(sandbox, {"kind": "node_down", "node": 1}, {"kind": "node_down", "node": 2})
    assert not await open_rail(sandbox, 3).is_corroborated(envelope.hash, ledger)
    # What two have shown stays shown, and is not asked again.
    assert await rail.is_corroborated(envelope.hash, ledger)


async def test_what_one_node_keeps_to_itself_is_not_corroborated(sandbox: StellarSandbox) -> None:
    rail = open_rail(sandbox, 2)
    plan_faults(sandbox, KEEPS)
    envelope, ledger = await send(sandbox, rail)
    assert not await rail.is_corroborated(envelope.hash, ledger)


async def test_the_only_node_is_taken_at_its_word(sandbox: StellarSandbox) -> None:
    rail = open_rail(sandbox, 1)
    envelope, ledger = await send(sandbox, rail)
    assert await rail.is_corroborated(envelope.hash, ledger)
