"""/.well-known/jwks.json: the public keys by which anybody can check an access token."""

from typing import Any

from fastapi import APIRouter, Response

from adapters.credentials.access_tokens import render_key_set
from api.access.permissions import PUBLIC
from api.dependencies import Running
from domain.access.signing_keys import KEY_SET_MAX_AGE

router = APIRouter(prefix="/.well-known", tags=["access"], dependencies=[PUBLIC])


@router.get("/jwks.json")
async def show_key_set(engine: Running, response: Response) -> dict[str, list[dict[str, Any]]]:
    """Show the key that signs, the next one, and those whose tokens are still good (RFC 7517)."""
    age = int(KEY_SET_MAX_AGE.total_seconds())
    response.headers["Cache-Control"] = f"public, max-age={age}"
    return render_key_set(await engine.access.tokens.read())
