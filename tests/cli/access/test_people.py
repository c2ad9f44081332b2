"""The first admin is made by a command, with a password that nobody chose for them."""

import secrets
import subprocess

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.testkit.access.browser import Browser
from tests.testkit.access.two_parties import add_party
from tests.testkit.processes.commands import run_command


def run(stack: Stack, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"DATABASE_URL": stack.environment["DATABASE_URL"], "PATH": ""}
    return run_command("cli.main", *arguments, environment=environment, said=said)


def test_the_first_admin_logs_in_with_the_password_that_was_typed(stack: Stack) -> None:
    email, password = f"first-{secrets.token_hex(4)}@example.com", "a long password"
    made = run(stack, "people", "create-admin", email.upper(), said=f"{password}\n")
    assert (made.returncode, made.stdout) == (0, f"{email} may log in with the role admin\n")
    assert password not in made.stdout + made.stderr
    again = run(stack, "people", "create-admin", email, said="another password\n")
    assert again.returncode == 1
    assert "is registered already" in again.stderr
    listed = run(stack, "people")
    assert [line.split()[1] for line in listed.stdout.splitlines() if email in line] == ["admin"]
    url = f"{stack.url}/api/v1"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        said = {"email": email, "password": password}
        assert client.post("/auth/login", json=said).json()["user"]["role"] == "admin"


@pytest.mark.parametrize(
    ("arguments", "said", "sentence"),
    [
        (("create-admin",), "", "the action is one of list, create, create-admin"),
        (("remove", "a@example.com"), "", "the action is one of list, create, create-admin"),
        (("create-admin", "nobody"), "long password", "email: must be an e-mail address"),
        (("create-admin", "a@example.com"), "", "password: must have 8 to 128 characters"),
        (("create", "a@example.com", "--role", "root"), "long password", "Invalid value"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    stack: Stack, arguments: tuple[str, ...], said: str, sentence: str
) -> None:
    refused = run(stack, "people", *arguments, said=said)
    assert refused.returncode != 0
    assert sentence in refused.stderr


async def test_keys_are_listed_narrowed_and_revoked(stack: Stack, api: httpx.AsyncClient) -> None:
    name = f"bot-{secrets.token_hex(4)}"
    made = run(stack, "keys", name, "--scope", "outages:read", "--days", "1")
    assert made.returncode == 0, made.stderr
    headers = {"X-API-Key": made.stdout.strip()}
    async with Browser(str(api.base_url)) as client:
        assert (await client.get("outages", headers=headers)).status_code == 200
        assert (await client.get("events", headers=headers)).status_code == 403
        (line,) = [each for each in run(stack, "keys").stdout.splitlines() if name in each]
        assert line.split()[1:4] == [name, "operator", "valid"]
        assert line.endswith("outages:read")
        assert run(stack, "keys", name, "--revoke").stdout == f"1 of {name} revoked\n"
        (line,) = [each for each in run(stack, "keys").stdout.splitlines() if name in each]
        assert line.split()[3] == "revoked"
        again = run(stack, "keys", name, "--revoke")
        assert "has no API key that is valid" in again.stderr


async def test_a_claimant_is_made_with_a_party_and_so_is_their_key(
    stack: Stack, database: Database
) -> None:
    party, _ = await add_party(database)
    email, name = f"claims-{secrets.token_hex(4)}@example.com", f"claims-{secrets.token_hex(4)}"
    for arguments in (("people", "create", email), ("keys", name)):
        claimant = (*arguments, "--role", "claimant")
        refused = run(stack, *claimant, said="a long password\n")
        assert "party: a claimant belongs to a party: name it" in refused.stderr
        unknown = run(stack, *claimant, "--party", "nobody-knows", said="a long password\n")
        assert "party 'nobody-knows' does not exist" in unknown.stderr
        made = run(stack, *claimant, "--party", party, said="a long password\n")
        assert made.returncode == 0, made.stderr
        listed = run(stack, arguments[0]).stdout.splitlines()
        assert [party in each for each in listed if arguments[-1] in each] == [True]
