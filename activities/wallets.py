"""Ask the network about wallets, and sign and check the challenges that prove them."""

from datetime import UTC, datetime

from temporalio import activity

from adapters.postgres import events, wallets
from adapters.postgres.database import Database
from adapters.stellar.wallets import WalletAccounts, befriend
from domain.audit import by_engine, leaf
from domain.errors import Conflict
from domain.wallets import Challenge, Proof, Readiness
from workflows.wallets import WalletSteps


class WalletActivities(WalletSteps):
    def __init__(
        self, database: Database, accounts: WalletAccounts, friendbot_url: str | None
    ) -> None:
        self.database = database
        self.accounts = accounts
        self.friendbot_url = friendbot_url

    @activity.defn
    async def read_wallet(self, address: str) -> Readiness:
        read = await self.accounts.read(address)
        async with self.database.autocommit() as connection:
            await wallets.note(connection, read)
        return read

    @activity.defn
    async def challenge_wallet(self, address: str) -> Challenge:
        given = self.accounts.challenge(address)
        async with self.database.autocommit() as connection:
            await wallets.challenge(connection, given)
        return given

    @activity.defn
    async def prove_wallet(self, proof: Proof) -> Readiness:
        hash_ = await self.accounts.check(proof)
        read = await self.accounts.read(proof.address)
        at = datetime.now(UTC)
        facts = {"address": proof.address, "challenge": hash_, "ledger": read.ledger}
        async with self.database.transaction() as connection:
            errand = activity.info().workflow_id or ""
            await wallets.prove(connection, proof.address, hash_, at, errand)
            await wallets.note(connection, read)
            subject = f"wallet/{proof.address}"
            await events.publish(
                connection, leaf(subject, "wallet.proven", by_engine(hash_), at, facts, hash_)
            )
        return read

    @activity.defn
    async def fund_wallet(self, address: str) -> Readiness:
        if self.friendbot_url is None:
            raise Conflict("only a test network has a friendbot; fund the account from another one")
        await befriend(self.friendbot_url, address)
        return await self.read_wallet(address)
