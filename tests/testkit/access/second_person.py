"""A second person, for what one person may not do alone."""

import secrets

import httpx


async def open_second_person(first: httpx.AsyncClient, role: str = "operator") -> httpx.AsyncClient:
    """Return a client like the first one, which an admin's key opened, with a key of its own."""
    said = {"name": f"second-{secrets.token_hex(6)}", "role": role}
    given = await first.post("/api-keys", json=said)
    assert given.status_code == 201, given.text
    return httpx.AsyncClient(
        base_url=first.base_url,
        headers={"X-API-Key": given.json()["key"]},
        timeout=30,
        trust_env=False,
        event_hooks=first.event_hooks,
    )
