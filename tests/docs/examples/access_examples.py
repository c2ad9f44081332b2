"""People, sessions, keys and health."""

import httpx

from tests.docs.examples.example_recorder import ExampleRecorder

PASSWORD = "correct horse battery"
RITA, PAUL = "rita@example.com", "paul@example.com"


async def show_sessions(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    """In the name of somebody who logs in, with the access token that the login answers."""
    ask, said = recorder.ask, {"email": RITA, "password": PASSWORD}
    await ask(anybody, "POST /auth/register", said | {"full_name": "Rita"})
    tokens = await ask(anybody, "POST /auth/login", said)
    anybody.cookies.clear()
    refreshed = {"refresh_token": tokens["refresh_token"]}
    tokens = await ask(anybody, "POST /auth/refresh", refreshed)
    anybody.cookies.clear()
    anybody.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    for name in ("auth/me", "auth/sessions", "user/preferences"):
        await ask(anybody, f"GET /{name}")
    await ask(anybody, "PUT /user/preferences", {"theme": "dark"})
    await ask(anybody, "PATCH /auth/me/profile", {"full_name": "Rita R."})
    await recorder.listen(anybody, "GET /auth/events")
    elsewhere = await _log_in_elsewhere(anybody, said)
    await ask(anybody, "DELETE /auth/sessions/{session_id}", session_id=elsewhere)
    changed = {"current_password": PASSWORD, "new_password": f"{PASSWORD} staple"}
    await ask(anybody, "POST /auth/me/password", changed)
    await ask(admin, "GET /auth/admin/sessions/{email}", email=RITA)
    await ask(anybody, "POST /auth/logout-all")
    await ask(admin, "POST /auth/admin/logout-all/{email}", email=RITA)
    del anybody.headers["Authorization"]
    await ask(anybody, "POST /auth/logout")


async def _log_in_elsewhere(anybody: httpx.AsyncClient, said: dict[str, str]) -> str:
    """Log in once more, and return the id of that session."""
    known = {each["id"] for each in (await anybody.get("/auth/sessions")).json()["sessions"]}
    async with httpx.AsyncClient(base_url=anybody.base_url, trust_env=False) as other:
        assert (await other.post("/auth/login", json=said)).is_success
    found = (await anybody.get("/auth/sessions")).json()["sessions"]
    return next(str(each["id"]) for each in found if each["id"] not in known)


async def show_people(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    person = {"email": PAUL, "password": PASSWORD, "full_name": "Paul", "role": "viewer"}
    await ask(admin, "POST /people", person)
    await ask(admin, "GET /people")
    await ask(admin, "PATCH /people/{email}", {"role": "operator"}, email=PAUL)
    key = await ask(admin, "POST /api-keys", {"name": "reports", "role": "viewer"})
    await ask(admin, "GET /api-keys")
    one = {"key_id": key["id"]}
    await ask(admin, "POST /api-keys/{key_id}/rotate", {"overlap_hours": 24}, **one)
    await ask(admin, "DELETE /api-keys/{key_id}", **one)


async def show_health(recorder: ExampleRecorder, anybody: httpx.AsyncClient) -> None:
    for name in ("health", "health/liveness", "health/readiness", "health/stack"):
        await recorder.ask(anybody, f"GET /{name}")
    await recorder.ask(anybody, "GET /.well-known/jwks.json")
