"""Breaks made on purpose: real transfers that the engine never made, and a journal changed outside the engine."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import text
from stellar_sdk import Account, Keypair, TransactionBuilder, TransactionEnvelope
from stellar_sdk.soroban_rpc import GetTransactionStatus

from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from adapters.stellar.signing import soroban_transfers
from devstack.environment.stack import Stack
from domain.money import format_amount
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.payments import Treasury
from tests.testkit.api_client import wait_until

UNKNOWN_HASH = "f" * 64


class TreasuryIntruder:
    """Somebody else who has the bond's seed: sends from the bond account itself."""

    def __init__(self, stack: Stack, rail: Rail) -> None:
        path = stack.directory.path / "stellar-keys.json"
        self.bond = Keypair.from_secret(json.loads(path.read_text())["seeds"]["bond"])
        self.rail = rail
        self.beneficiary = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]

    async def send(self, number: int | None, amount: int, to: str | None = None) -> str:
        """A classic payment with a number, or without one; returns its hash."""
        return await self.send_all([(number, amount)], to)

    async def send_all(self, sums: Sequence[tuple[int | None, int]], to: str | None = None) -> str:
        """As many classic payments, in one transaction."""
        builder = TransactionBuilder(await self._account(), self.rail.passphrase, 10_000)
        for number, amount in sums:
            payee = to or self.beneficiary
            if number is not None:
                payee = soroban_transfers.make_muxed_address(self._transfer(number, amount, payee))
            builder.append_payment_op(payee, self.rail.asset.classic, format_amount(amount))
        return await self._land(builder.add_time_bounds(0, 0).build())

    async def invoke(self, number: int, amount: int) -> str:
        """A transfer by the asset's contract."""
        account = await self._account()
        drafted = soroban_transfers.draft(
            self._transfer(number, amount, self.beneficiary),
            self.rail.asset,
            account.account.account_id,
            account.sequence + 1,
            datetime.now(UTC),
        )
        simulated = await self.rail.nodes.all[0].server.simulate_transaction(drafted)
        soroban_transfers.assemble(drafted, simulated)
        return await self._land(drafted)

    def _transfer(self, number: int, amount: int, payee: str) -> Transfer:
        whole = (Allocation("planted", amount),)
        return Transfer(number, Treasury.BOND, self.bond.public_key, payee, amount, whole)

    async def _account(self) -> Account:
        return await self.rail.nodes.all[0].server.load_account(self.bond.public_key)

    async def _land(self, envelope: TransactionEnvelope) -> str:
        envelope.sign(self.bond)
        server, hash_ = self.rail.nodes.all[0].server, envelope.hash_hex()
        sent = await server.send_transaction(envelope)
        assert sent.status.value == "PENDING", sent

        async def landed() -> bool:
            found = await server.get_transaction(hash_)
            assert found.status is not GetTransactionStatus.FAILED, found
            return found.status is GetTransactionStatus.SUCCESS

        await wait_until(landed, "the planted transfer is in a ledger")
        return hash_


async def tamper(database: Database, statement: str, **values: object) -> None:
    """Change the database as its owner could, past all triggers."""
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        changed = await connection.execute(text(statement), values)
        assert changed.rowcount == 1
