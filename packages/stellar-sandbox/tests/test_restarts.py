"""What a restart finds: the ledger as it was, and no trace of the faults that were played."""

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


class House:
    """A directory, and the box that lives in it."""

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
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.sandbox.network.close()


async def test_an_upgrade_is_still_in_force(house: House) -> None:
    start_fault_plan(house.sandbox.network, [Fault("protocol_upgrade", value=28)], 0)
    house.sandbox.close_ledger()

    house.restart()
    assert (await house.wallet().server.get_network()).protocol_version == 28
    house.sandbox.close_ledger()
    assert (await house.wallet().server.get_latest_ledger()).protocol_version == 28


@pytest.mark.parametrize("kind", ["frozen_trustline", "removed_trustline"])
async def test_who_could_not_be_paid_can_be_again(house: House, kind: str) -> None:
    before = house.sandbox.read_account(SHOP.public_key)
    start_fault_plan(house.sandbox.network, [Fault(kind, address=SHOP.public_key)], 0)
    house.sandbox.close_ledger()

    house.restart()
    after = house.sandbox.read_account(SHOP.public_key)
    assert before is not None
    assert after is not None
    assert after.num_sub_entries == before.num_sub_entries
    wallet = house.wallet()
    envelope = wallet.build_payment(CHANNELS[0], 1)
    await wallet.send(envelope)
    house.sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "SUCCESS"
    assert house.sandbox.read_balance(SHOP.public_key) == 25_000_000


async def test_what_was_put_back_once_is_not_put_back_again(house: House) -> None:
    start_fault_plan(
        house.sandbox.network, [Fault("removed_trustline", address=SHOP.public_key)], 0
    )
    start_fault_plan(house.sandbox.network, [], 0)
    here = house.sandbox.network.ledger.last_closed.sequence
    house.restart()
    house.restart()
    assert house.sandbox.network.ledger.last_closed.sequence == here
