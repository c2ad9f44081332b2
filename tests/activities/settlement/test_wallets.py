"""Activities of wallets that must not run where money is real."""

from typing import cast

import pytest
from stellar_sdk import Keypair

from activities.settlement.wallets import WalletActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.accounts.wallets import WalletAccounts
from domain.errors import Conflict


async def test_without_a_friendbot_funding_is_refused(database: Database) -> None:
    activities = WalletActivitiesImpl(database, cast(WalletAccounts, None), None)
    with pytest.raises(Conflict, match="only a test network has a friendbot"):
        await activities.fund_wallet(Keypair.random().public_key)
