"""The activities of a wallet: read it from the network, sign and check its challenges."""

from datetime import UTC, datetime

from temporalio import activity

from adapters.postgres.database import Database
from adapters.stellar.accounts.wallets import WalletAccounts, fund_account
from domain.errors import Conflict
from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import Challenge, Readiness, SignedChallenge
from services.settlement.wallets.prove_wallet import ProveWallet, prove_wallet
from services.settlement.wallets.record_readiness import record_readiness
from services.settlement.wallets.store_challenge import store_challenge
from workflows.wallets import WalletActivities


class WalletActivitiesImpl(WalletActivities):
    def __init__(
        self, database: Database, accounts: WalletAccounts, friendbot_url: str | None
    ) -> None:
        self.database = database
        self.accounts = accounts
        self.friendbot_url = friendbot_url

    @activity.defn
    async def read_wallet(self, address: str) -> Readiness:
        read = await self.accounts.read(address)
        await record_readiness(self.database, read)
        return read

    @activity.defn
    async def challenge_wallet(self, wanted: ChallengeWalletInput) -> Challenge:
        given = self.accounts.challenge(wanted.address)
        await store_challenge(self.database, given, wanted.owner)
        return given

    @activity.defn
    async def prove_wallet(self, proof: SignedChallenge) -> Readiness:
        hash_ = await self.accounts.check(proof)
        read = await self.accounts.read(proof.address)
        workflow_id = activity.info().workflow_id or ""
        proven = ProveWallet(read, hash_, workflow_id, datetime.now(UTC))
        await prove_wallet(self.database, proven)
        return read

    @activity.defn
    async def fund_wallet(self, address: str) -> Readiness:
        if self.friendbot_url is None:
            raise Conflict("only a test network has a friendbot; fund the account from another one")
        await fund_account(self.friendbot_url, address)
        return await self.read_wallet(address)
