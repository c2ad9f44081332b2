"""Create an account for a user of a test network; its seed is kept nowhere."""

from dataclasses import dataclass, field
from datetime import datetime

from nacl.signing import SigningKey

from adapters.postgres.database import Database
from adapters.postgres.settlement.owners import registrations
from domain.access.scopes import EVERYTHING
from domain.requests import Request
from domain.settlement.owners.wallets import WalletRecord, encode_key
from services.settlement.wallets.register_wallet import RegisterWallet, register_wallet_within


@dataclass(frozen=True, slots=True)
class CreateWallet:
    owner: str
    request: Request
    at: datetime


@dataclass(frozen=True, slots=True)
class CreatedWallet:
    """A wallet; `seed` is that of one which was created now, and nobody will ever show it again."""

    address: str
    known: WalletRecord | None = None
    seed: str | None = field(default=None, repr=False)


async def create_wallet(database: Database, command: CreateWallet) -> CreatedWallet:
    """Return the wallet that the user has already, or a new one that is registered for them."""
    async with database.transaction() as connection:
        await registrations.lock_holder(connection, command.owner)
        known = await registrations.find_by_holder(connection, command.owner, EVERYTHING)
        if known is not None:
            return CreatedWallet(known.address, known)
        key = SigningKey.generate()
        address = encode_key(bytes(key.verify_key))
        wanted = RegisterWallet(address, command.owner, command.request, command.at, EVERYTHING)
        await register_wallet_within(connection, wanted)
    return CreatedWallet(address, None, encode_key(bytes(key), seed=True))
