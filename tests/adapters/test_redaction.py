"""No log line holds a key, a seed, a password, a webhook's address or what a caller sent."""

import pytest

from adapters.redaction import Redactor, find_secrets

SEED = "S" + "ABCDEFGH" * 6 + "ABCDEFG"
ENVIRONMENT = {
    "STELLAR_BOND_SEED": "planted-seed",
    "BOOTSTRAP_API_KEY": "planted-key",
    "DATABASE_URL": "postgresql://engine:pl%40nted-pw@db.example:5432/book",
    "TEMPORAL_ADDRESS": "temporal.example:7233",
    "STELLAR_RPC_URL": "https://rpc.example/v1/planted-path",
}
REDACT = Redactor(find_secrets(ENVIRONMENT)).redact


def test_the_secrets_of_a_process_are_found_by_their_variable_names() -> None:
    known = find_secrets(ENVIRONMENT)
    assert known == {"planted-seed", "planted-key", "pl%40nted-pw", "pl@nted-pw"}
    # A value of a few letters stands in innocent words as well.
    assert find_secrets({"API_KEY": "of"}) == frozenset()


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"cannot sign with {SEED}", SEED),
        ("the key planted-key was sent", "planted-key"),
        ("cannot decode pl@nted-pw", "pl@nted-pw"),
        ("cannot connect to postgresql://engine:other-pw@db.example/book", "other-pw"),
        ("GET https://hooks.example/T0/B1/hidden-path?token=x", "hidden-path"),
        ("GET http://user:hidden-pw@hooks.example:8080", "hidden-pw"),
        ("{'X-API-Key': 'hidden-key'}", "hidden-key"),
        ("Authorization: Bearer hidden.token.of.jwt", "hidden.token"),
        ('{"password": "hidden-word"}', "hidden-word"),
        ("secret=whsec_aGlkZGVuLWJ5dGVz", "aGlkZGVu"),
        ("signed with whsec_aGlkZGVuLWJ5dGVz", "aGlkZGVu"),
        ("[SQL: INSERT]\n[parameters: {'site': 'hidden place', 'n': [1]}]\n(Background", "hidden"),
        ("null value\nDETAIL:  Failing row contains (1, hidden\nplace).\n[SQL: x]", "place"),
        ("1 error [type=int_type, input_value='hidden', input_type=str]", "hidden"),
        ("no account ada.lovelace@example.com", "ada.lovelace"),
    ],
)
def test_text_in_the_shape_of_a_secret_is_redacted(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in REDACT(line)


@pytest.mark.parametrize(
    "line",
    [
        "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "node 2 (rpc.example) is 7 ledgers behind",
        "break brk_1 (unexplained, high): 5 USDC left GBOND7VVXYZ2 at ledger 51",
        "outage 'OUT-1' is closed; it can no longer be changed",
    ],
)
def test_a_line_without_secrets_is_unchanged(line: str) -> None:
    assert REDACT(line) == line


def test_the_host_of_a_url_stays_visible() -> None:
    assert REDACT("POST https://hooks.example:8443/a/b?c=d failed") == (
        "POST https://hooks.example:8443/*** failed"
    )
    assert REDACT("at postgresql://u:p@db.example:5432/book") == (
        "at postgresql://***@db.example:5432/book"
    )
