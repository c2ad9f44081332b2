"""Know whom an API key stands for, and note that it is used."""

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.principals import Principal


async def use_key(database: Database, key: str) -> Principal | None:
    """Return None for a key that is not valid."""
    async with database.autocommit() as connection:
        return await api_keys.find_principal(connection, key)
