"""After a restart the ledger is as it was, and the faults are reverted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.testing.accounts import CHANNELS, SHOP, build_genesis_document
from stellar_sandbox.testing.wallet import Wallet


class RestartableSandbox:
    """A sandbox with a data directory, which can be restarted."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sandbox = self._open()

    def restart(self) -> None:
        """As after `kill -9`: nobody ended the plan."""
        self.sandbox.network.close()
        self.sandbox = self._open()

    def wallet(self) -> Wallet:
        return Wallet(SorobanServerAsync("http://in-process", self.sandbox.create_client()))

    def _open(self) -> StellarSandbox:
        return StellarSandbox(Genesis.parse(build_genesis_document()), data_dir=self.directory)


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[RestartableSandbox]:
    made = RestartableSandbox(tmp_path)
    yield made
    made.sandbox.network.close()


async def test_an_upgrade_is_still_in_force(restartable: RestartableSandbox) -> None:
    start_fault_plan(restartable.sandbox.network, [Fault("protocol_upgrade", value=28)], 0)
    restartable.sandbox.close_ledger()

    restartable.restart()
    assert (await restartable.wallet().server.get_network()).protocol_version == 28
    restartable.sandbox.close_ledger()
    assert (await restartable.wallet().server.get_latest_ledger()).protocol_version == 28


@pytest.mark.parametrize("kind", ["frozen_trustline", "removed_trustline"])
async def test_who_could_not_be_paid_can_be_again(
    restartable: RestartableSandbox, kind: str
) -> None:
    before = restartable.sandbox.read_account(SHOP.public_key)
    start_fault_plan(restartable.sandbox.network, [Fault(kind, address=SHOP.public_key)], 0)
    restartable.sandbox.close_ledger()

    restartable.restart()
    after = restartable.sandbox.read_account(SHOP.public_key)
    assert before is not None
    assert after is not None
    assert after.num_sub_entries == before.num_sub_entries
    wallet = restartable.wallet()
    envelope = wallet.build_payment(CHANNELS[0], 1)
    await wallet.send(envelope)
    restartable.sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "SUCCESS"
    assert restartable.sandbox.read_balance(SHOP.public_key) == 25_000_000


async def test_what_was_put_back_once_is_not_put_back_again(
    restartable: RestartableSandbox,
) -> None:
    start_fault_plan(
        restartable.sandbox.network, [Fault("removed_trustline", address=SHOP.public_key)], 0
    )
    start_fault_plan(restartable.sandbox.network, [], 0)
    latest = restartable.sandbox.network.ledger.last_closed.sequence
    restartable.restart()
    restartable.restart()
    assert restartable.sandbox.network.ledger.last_closed.sequence == latest
