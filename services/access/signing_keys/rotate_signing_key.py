"""Bring a new signing key of access tokens into use, while tokens of the old one stay good."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.credentials.access_tokens import make_key
from adapters.credentials.secret_box import SecretBox
from adapters.postgres import events
from adapters.postgres.access import signing_keys
from adapters.postgres.database import Database
from domain.access.signing_keys import SigningKey, choose_signing_key, plan_rotation
from domain.audit import make_audit_entry
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RotateSigningKey:
    """`seed` is 32 random bytes; `only_if_none` does nothing where a key signs already."""

    seed: bytes = field(repr=False)
    token_lifetime: timedelta
    request: Request
    at: datetime
    only_if_none: bool = False


async def rotate_signing_key(
    database: Database, box: SecretBox, command: RotateSigningKey
) -> SigningKey:
    """Return the key that was made, or the one that signs already."""
    at = command.at
    async with database.transaction() as connection:
        await signing_keys.lock(connection)
        signing = choose_signing_key(await signing_keys.list_shown(connection, box, at), at)
        if signing is not None and command.only_if_none:
            return signing
        signs_from, shown_until = plan_rotation(at, command.token_lifetime)
        new = make_key(command.seed, at if signing is None else signs_from)
        await signing_keys.retire(connection, shown_until)
        await signing_keys.add(connection, new, box, at)
        payload = {
            "key_id": new.id,
            "public": new.public.hex(),
            "signs_from": new.signs_from,
            "replaces": None if signing is None else signing.id,
            "shown_until": None if signing is None else shown_until,
        }
        entry = make_audit_entry(
            "signing-keys", "signing_key.made", command.request, at, payload, new.id
        )
        await events.publish(connection, entry)
    return new
