"""How wallets are shown to those who know them by their user."""

from datetime import datetime

from pydantic import BaseModel


class UserWalletView(BaseModel):
    user_id: str
    public_key: str
    funded: bool
    trustline_ready: bool
    message: str | None = None


class CreatedWalletView(UserWalletView):
    """The secret seed of a wallet that was created now; null for one that was there."""

    secret_seed: str | None


class WalletStatusView(UserWalletView):
    """What the network says now; `usable` is whether it can be paid."""

    usable: bool
    active: bool
    last_updated: datetime


class BalanceAmountView(BaseModel):
    balance: str


class WalletBalanceView(BaseModel):
    """What an account holds, as of one ledger; an account that does not exist holds nothing."""

    address: str
    balances: dict[str, BalanceAmountView]
    ledger: int
    last_updated: datetime
