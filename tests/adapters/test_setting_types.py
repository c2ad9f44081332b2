"""Names that other tools and older versions use are understood; wrong ones stop the start with a sentence."""

import pytest

from adapters.settings import WebhookSettings, WorkerSettings, load
from tests.adapters.test_settings import WORLD


@pytest.fixture(autouse=True)
def surroundings_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WorkerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", WORLD["DATABASE_URL"])


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("STELLAR_NETWORK", "mainnet", "public"),
        ("STELLAR_NETWORK", "standalone", "sandbox"),
        ("CONTRACT_EXECUTION_MODE", "local_adapter", "local"),
        ("CONTRACT_EXECUTION_MODE", "soroban_rpc", "soroban"),
        ("DATABASE_URL", "postgres://u:p@127.0.0.1/x", "postgres://u:p@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql+asyncpg://u:p@h/x", "postgresql+asyncpg://u:p@h/x"),
    ],
)
def test_names_that_others_use_are_understood(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, read: str
) -> None:
    monkeypatch.setenv(name, written)
    assert str(getattr(load(WorkerSettings), name.lower())) == read


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("STELLAR_NETWORK", "futurenet", "has no USDC; set it to sandbox, testnet or public"),
        ("STELLAR_NETWORK", "moon", "'sandbox', 'testnet' or 'public'"),
        ("CONTRACT_EXECUTION_MODE", "maybe", "'local' or 'soroban'"),
        ("DATABASE_URL", "mysql://u:p@h/x", "postgresql://user:password@host:port/name"),
    ],
)
def test_a_wrong_one_stops_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, said: str
) -> None:
    monkeypatch.setenv(name, written)
    with pytest.raises(SystemExit) as end:
        load(WorkerSettings)
    assert f"{name}: " in str(end.value)
    assert said in str(end.value)
    assert "u:p" not in str(end.value)


def test_receivers_on_this_machine_are_for_no_public_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("SECRET_KEY", "k" * 32), ("ALLOW_PRIVATE", "true")):
        monkeypatch.setenv(f"WEBHOOK_{name}", value)
    monkeypatch.setenv("STELLAR_NETWORK", "testnet")
    assert load(WebhookSettings).webhook_allow_private
    monkeypatch.setenv("STELLAR_NETWORK", "public")
    with pytest.raises(SystemExit, match="receivers have public addresses"):
        load(WebhookSettings)
