"""A process that cannot start says which variable is wrong, what it must be, and no secret."""

import pytest

from adapters.settings import (
    SEEDS,
    AnalyticsSettings,
    ApiSettings,
    CommonSettings,
    SettlementSettings,
    WorkerSettings,
    load,
    refuse_seeds,
)

# Of the key of 32 zero bytes.
ADDRESS = "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF"
SEED = "S" + "B" * 55
PUBLIC = "Public Global Stellar Network ; September 2015"
TESTNET = "Test SDF Network ; September 2015"
WORLD = {
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:5432/apexchainx",
    "BOOTSTRAP_API_KEY": "a-key-of-sixteen-letters",
    "JWT_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "WEBHOOK_SECRET_KEY": "another-secret-of-thirty-two-chars",
    "STELLAR_BOND_ADDRESS": ADDRESS,
    "STELLAR_POOL_ADDRESS": ADDRESS,
    "STELLAR_PROVIDER_ADDRESS": ADDRESS,
    "STELLAR_BENEFICIARY_ADDRESS": ADDRESS,
    "STELLAR_NETWORK": "testnet",
    "STELLAR_RPC_URL": "http://127.0.0.1:8001",
    "STELLAR_NETWORK_PASSPHRASE": TESTNET,
    "STELLAR_USDC_ISSUER": ADDRESS,
    **dict.fromkeys(SEEDS, SEED),
}


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ApiSettings, WorkerSettings, AnalyticsSettings, SettlementSettings):
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    for name, value in WORLD.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def no_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SEEDS:
        monkeypatch.delenv(name)


def remove_seeds(monkeypatch: pytest.MonkeyPatch, kind: type[CommonSettings]) -> None:
    """The environment of the API has no seed."""
    if kind is ApiSettings:
        for name in SEEDS:
            monkeypatch.delenv(name)


@pytest.mark.parametrize("kind", [WorkerSettings, AnalyticsSettings, SettlementSettings])
def test_each_worker_starts_in_a_complete_environment(kind: type[WorkerSettings]) -> None:
    assert load(kind).database_url == WORLD["DATABASE_URL"]


def test_the_api_starts_without_a_seed(no_seeds: None) -> None:
    assert load(ApiSettings).database_url == WORLD["DATABASE_URL"]


@pytest.mark.parametrize("name", SEEDS)
def test_a_process_that_does_not_sign_refuses_a_seed(
    monkeypatch: pytest.MonkeyPatch, no_seeds: None, name: str
) -> None:
    refuse_seeds()
    monkeypatch.setenv(name, "")  # as good as absent
    refuse_seeds()
    monkeypatch.setenv(name, SEED)
    for refused in (refuse_seeds, lambda: load(ApiSettings)):
        with pytest.raises(SystemExit) as end:
            refused()
        assert str(end.value).startswith(f"Cannot start. {name}: this process signs nothing")
        assert SEED not in str(end.value)
    assert len(SEEDS) == 6


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (WorkerSettings, "DATABASE_URL", None),
        (WorkerSettings, "DATABASE_URL", "mysql://localhost/x"),
        (WorkerSettings, "STELLAR_NETWORK", "moonnet"),
        (ApiSettings, "BOOTSTRAP_API_KEY", "short"),
        (ApiSettings, "JWT_SECRET_KEY", "a-secret-of-31-characters-only-"),
        (ApiSettings, "REGISTRATION", "admin"),
        (ApiSettings, "API_PORT", "65536"),
        (ApiSettings, "STELLAR_BOND_ADDRESS", "GBOND"),
        (SettlementSettings, "STELLAR_BOND_SEED", None),
        (SettlementSettings, "STELLAR_CHANNELS", "0"),
        (SettlementSettings, "STELLAR_RPC_URL", "ftp://x"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[WorkerSettings], name: str, value: str | None
) -> None:
    remove_seeds(monkeypatch, kind)
    monkeypatch.setenv(name, value or "")  # empty is as good as absent
    with pytest.raises(SystemExit) as end:
        load(kind)
    sentence = str(end.value)
    assert sentence.startswith(f"Cannot start. {name}: ")
    assert "it is the " in sentence
    assert not value or value not in sentence.replace("'sandbox', 'testnet' or 'public'", "")


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STELLAR_BOND_SEED")
    monkeypatch.delenv("STELLAR_POOL_SEED")
    with pytest.raises(SystemExit) as end:
        load(SettlementSettings)
    assert len(str(end.value).splitlines()) == 2


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(load(SettlementSettings))
    for name in SEEDS:
        monkeypatch.delenv(name)
    shown += repr(load(ApiSettings))
    assert SEED not in shown
    assert WORLD["BOOTSTRAP_API_KEY"] not in shown


CAPS = ("CAP_PER_PAYMENT", "CAP_PER_DAY", "CAP_PER_PAYEE_PER_DAY")
LIMITS = [f"SETTLEMENT_{name}" for name in (*CAPS, "APPROVAL_ABOVE", "APPROVAL_ABOVE_STATED")]
CROOKED = [
    *("1e3", "1E3", "NaN", "nan", "Infinity", "-Infinity", "inf", "٣", "١٢٫٥", "１", "1.00000001"),
    *("0", "0.0", "-0", "-1", "+1", "922337203685.4775808", "9" * 40, "1_000", "1,000", "1 000"),
    *(" 1", "1 ", "0x10", "01", ".5", "5.", "1.2.3", "USDC 1", "None", "unlimited"),
]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("wrong", CROOKED)
def test_a_limit_is_a_plain_decimal_or_empty(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str
) -> None:
    monkeypatch.setenv(name, wrong)
    with pytest.raises(SystemExit) as end:
        load(SettlementSettings)
    sentence = str(end.value)
    assert sentence.startswith(f"Cannot start. {name}: {wrong!r} ")
    assert "USDC" in sentence
    assert sentence.endswith("as a plain decimal")


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_parsed_to_the_stroop(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    field = name.lower()
    assert getattr(load(SettlementSettings), field) > 0
    for text, stroops in (
        ("none", None),
        ("2500", 25_000_000_000),
        ("0.0000001", 1),
        ("12.5", 125_000_000),
    ):
        monkeypatch.setenv(name, text)
        assert getattr(load(SettlementSettings), field) == stroops


CIRCUIT_BREAKER = ("ALARMS", "UNKNOWNS", "WINDOW_MINUTES")
NUMBERS = [
    (ApiSettings, "API_PORT"),
    (ApiSettings, "PAYOUT_COOL_OFF_HOURS"),
    (AnalyticsSettings, "RECONCILIATION_EVERY_SECONDS"),
    (SettlementSettings, "STELLAR_CHANNELS"),
    (SettlementSettings, "STELLAR_FEE_CAP_STROOPS"),
    (SettlementSettings, "NETTING_WINDOW_SECONDS"),
    *((SettlementSettings, f"CIRCUIT_BREAKER_{name}") for name in CIRCUIT_BREAKER),
]
CROOKED = ["1e3", "NaN", "Infinity", "٣٢", "3_2", " 32 ", "32.0", "-1", str(2**63), "1" * 41]


@pytest.mark.parametrize("crooked", CROOKED)
@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=lambda given: str(given))
def test_a_number_is_a_plain_integer(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[CommonSettings],
    name: str,
    crooked: str,
) -> None:
    remove_seeds(monkeypatch, kind)
    monkeypatch.setenv(name, crooked)
    with pytest.raises(SystemExit, match=f"Cannot start. {name}: "):
        load(kind)


NEVER_ZERO = [
    (AnalyticsSettings, "RECONCILIATION_EVERY_SECONDS"),
    (SettlementSettings, "STELLAR_CHANNELS"),
    (SettlementSettings, "STELLAR_FEE_CAP_STROOPS"),
    (SettlementSettings, "CIRCUIT_BREAKER_WINDOW_MINUTES"),
]


@pytest.mark.parametrize(("kind", "name"), NEVER_ZERO, ids=lambda given: str(given))
def test_zero_is_refused_where_it_makes_no_sense(
    monkeypatch: pytest.MonkeyPatch, kind: type[CommonSettings], name: str
) -> None:
    monkeypatch.setenv(name, "0")
    with pytest.raises(SystemExit, match=f"Cannot start. {name}: "):
        load(kind)


ADDRESSES = [
    (ApiSettings, "STELLAR_BOND_ADDRESS"),
    (ApiSettings, "STELLAR_POOL_ADDRESS"),
    (ApiSettings, "STELLAR_PROVIDER_ADDRESS"),
    (ApiSettings, "STELLAR_BENEFICIARY_ADDRESS"),
    (AnalyticsSettings, "STELLAR_BOND_ADDRESS"),
    (AnalyticsSettings, "STELLAR_USDC_ISSUER"),
    (SettlementSettings, "STELLAR_USDC_ISSUER"),
]
NO_ADDRESS = [
    ADDRESS.lower(),
    ADDRESS[:-1] + "G",
    f"{ADDRESS} ",
    "M" + "A" * 68,
    "C" + "A" * 55,
    SEED,
    "Gé" + "A" * 54,
]


@pytest.mark.parametrize("wrong", NO_ADDRESS)
@pytest.mark.parametrize(("kind", "name"), ADDRESSES, ids=lambda given: str(given))
def test_a_malformed_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[CommonSettings],
    name: str,
    wrong: str,
) -> None:
    remove_seeds(monkeypatch, kind)
    monkeypatch.setenv(name, wrong)
    with pytest.raises(SystemExit, match=f"Cannot start. {name}: ") as refused:
        load(kind)
    assert SEED not in str(refused.value)


@pytest.mark.parametrize(
    ("network", "passphrase", "sentence"),
    [
        ("public", TESTNET, "does not match STELLAR_NETWORK, which is public"),
        ("sandbox", PUBLIC, "the passphrase of public"),
        ("sandbox", TESTNET, "the passphrase of testnet"),
        (
            "testnet",
            "Standalone Network ; February 2017",
            "does not match STELLAR_NETWORK, which is testnet",
        ),
    ],
)
@pytest.mark.parametrize(
    "kind", [ApiSettings, WorkerSettings, AnalyticsSettings, SettlementSettings]
)
def test_the_name_and_the_passphrase_of_a_network_mean_the_same(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[CommonSettings],
    network: str,
    passphrase: str,
    sentence: str,
) -> None:
    remove_seeds(monkeypatch, kind)
    monkeypatch.setenv("STELLAR_NETWORK", network)
    monkeypatch.setenv("STELLAR_NETWORK_PASSPHRASE", passphrase)
    with pytest.raises(SystemExit, match=f"STELLAR_NETWORK_PASSPHRASE: .*{sentence}"):
        load(kind)


def test_a_changed_payout_has_a_cool_off_on_the_public_network(
    monkeypatch: pytest.MonkeyPatch, no_seeds: None
) -> None:
    monkeypatch.setenv("PAYOUT_COOL_OFF_HOURS", "0")
    assert load(ApiSettings).payout_cool_off_hours == 0
    monkeypatch.setenv("STELLAR_NETWORK", "public")
    monkeypatch.setenv("STELLAR_NETWORK_PASSPHRASE", PUBLIC)
    with pytest.raises(SystemExit, match=r"PAYOUT_COOL_OFF_HOURS: .*at least 1"):
        load(ApiSettings)
    monkeypatch.setenv("PAYOUT_COOL_OFF_HOURS", "1")
    assert load(ApiSettings).payout_cool_off_hours == 1


def test_friendbot_is_refused_on_the_public_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STELLAR_FRIENDBOT_URL", "friendbot")
    with pytest.raises(SystemExit, match="STELLAR_FRIENDBOT_URL: "):
        load(SettlementSettings)
    monkeypatch.setenv("STELLAR_NETWORK", "public")
    monkeypatch.setenv("STELLAR_NETWORK_PASSPHRASE", PUBLIC)
    monkeypatch.setenv("STELLAR_FRIENDBOT_URL", "http://127.0.0.1/friendbot")
    with pytest.raises(SystemExit, match="the public network has no friendbot"):
        load(SettlementSettings)
    monkeypatch.delenv("STELLAR_FRIENDBOT_URL")
    assert load(SettlementSettings).stellar_friendbot_url is None
