"""More accounts than one question takes are read by several, and no page claims more than all of them show."""

import pytest

from adapters.stellar.rpc import treasury_history
from adapters.stellar.rpc.treasury_history import FILTERS_MAX, TreasuryHistory
from domain.accounting.reconciliation import ChainTransfer
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import SettlementRail
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import ISSUER, PAYER, SHOP, derive_keypair
from tests.adapters.stellar.conftest import CHANNELS, build_nodes, build_rail

OTHERS = [derive_keypair(f"treasury {n}").public_key for n in range(2 * FILTERS_MAX)]


async def pay(sandbox: StellarSandbox, numbers: range) -> dict[int, int]:
    """Send a transfer a ledger, all from one account; return each number's ledger."""
    ledgers = {}
    rail = build_rail(sandbox, build_nodes(sandbox, 1))
    for number, channel in zip(numbers, CHANNELS, strict=False):
        whole = (Allocation("pay", 25),)
        owed = Transfer(number, Treasury.BOND, PAYER.public_key, SHOP.public_key, 25, whole)
        envelope = await rail.sign([owed], SettlementRail.SOROBAN, channel, 1, 0)
        await rail.nodes.all[0].server.send_transaction(envelope.xdr)
        sandbox.close_ledger()
        ledgers[number] = sandbox.network.ledger.last_closed.sequence
    return ledgers


@pytest.mark.parametrize("place", [0, FILTERS_MAX, 2 * FILTERS_MAX])
async def test_an_account_is_read_wherever_it_stands_among_many(
    sandbox: StellarSandbox, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(treasury_history, "PAGE_SIZE", 1)
    paid = await pay(sandbox, range(1, 4))
    nodes = build_nodes(sandbox, 2)
    history = TreasuryHistory(nodes, sandbox.network.passphrase, ISSUER.public_key, OTHERS)
    wanted = [*OTHERS[:place], PAYER.public_key, *OTHERS[place:]]
    read, reached = list[ChainTransfer](), 0
    async for page in history.read_pages(1, wanted):
        read += page.transfers
        assert page.ledger >= reached
        reached = page.ledger
        # Whatever a page says is read in full has been shown by then.
        known = [each.number for each in read if each.ledger <= reached]
        assert known == [number for number, ledger in paid.items() if ledger <= reached]
    assert [each.number for each in read] == [1, 2, 3]
    assert reached == sandbox.network.ledger.last_closed.sequence
    assert [page async for page in history.read_pages(1) if page.transfers] == []
