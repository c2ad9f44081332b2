"""A browser as the web frontend is one: cookies alone, and the CSRF token that its HTTP client copies."""

import secrets
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.credentials.passwords import PasswordHasher
from adapters.postgres.access import people
from adapters.postgres.database import Database
from domain.access.people import Person, PersonStatus
from domain.access.permissions import Role
from tests.testkit.problem_checker import check_problem

PASSWORD = "correct horse battery"
# Of all people in tests: a hash takes longer than a test should.
_HASHES: list[str] = []


async def add_person(
    database: Database,
    role: Role = Role.OPERATOR,
    email: str | None = None,
    party: str | None = None,
) -> Person:
    """Put somebody on record whose password is PASSWORD."""
    if not _HASHES:
        hasher = PasswordHasher()
        _HASHES.append(await hasher.hash(PASSWORD))
        await hasher.close()
    address = email or f"{role}-{secrets.token_hex(6)}@example.com"
    id_ = f"usr_{secrets.token_hex(12)}"
    now = datetime.now(UTC)
    person = Person(id_, address, None, role, PersonStatus.ACTIVE, None, now, party)
    async with database.transaction() as connection:
        assert await people.add(connection, person, _HASHES[0])
    return person


class Browser(httpx.AsyncClient):
    """No key and no token of its own; each has an address of its own, as the server's proxy says."""

    def __init__(self, url: str, address: str | None = None) -> None:
        place = address or ".".join(["10", *(str(part) for part in secrets.token_bytes(3))])
        super().__init__(
            base_url=f"{url.rstrip('/')}/",
            headers={"X-Forwarded-For": place, "User-Agent": "Browser"},
            timeout=30,
            trust_env=False,
            event_hooks={"request": [self._copy_token], "response": [check_problem]},
        )

    async def _copy_token(self, request: httpx.Request) -> None:
        """As axios does in an instance that knows the names; the frontend's other clients do not."""
        token = self.cookies.get("apex_csrf")
        if token and "x-csrf-token" not in request.headers:
            request.headers["X-CSRF-Token"] = token

    async def log_in(self, person: Person, password: str = PASSWORD) -> httpx.Response:
        said = {"email": person.email, "password": password}
        return await self.post("auth/login", json=said)


async def open_session(browser: Browser, person: Person) -> dict[str, Any]:
    """Log in, and return the tokens that a browser has no need of."""
    answer = await browser.log_in(person)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens
