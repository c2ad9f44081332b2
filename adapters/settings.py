"""
Every environment variable, with one class for each process.

Only `SettlementSettings` has all signing seeds, and only the worker of the settlement queue and
`apexchainx channels create` read it; `channels list` and `channels release` need the channels' seed alone.
Secrets have no default. docs/settings.md explains each setting; a test keeps it complete.
"""

import os
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.folding_settings import FoldingSettings
from adapters.logs import LogFormat, LogLevel
from adapters.setting_types import (
    CONTRACT,
    DATABASE,
    PASSPHRASES,
    URLS,
    Address,
    CoolOff,
    Friendbot,
    Mode,
    Network,
    Origins,
    Passphrase,
    Prefix,
    PrivateReceivers,
    Stroops,
    Whole,
    check_passphrase,
    make_limit,
)
from domain.settlement.attempts import SettlementRail
from domain.sla.execution_modes import ExecutionMode

Settings = TypeVar("Settings", bound=BaseSettings)


class CommonSettings(BaseSettings):
    """The settings of every process: PostgreSQL, Temporal, logs and the Stellar network."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True)

    database_url: str = Field(
        pattern=DATABASE, description="PostgreSQL, as postgresql://user:password@host:port/name"
    )
    temporal_address: str = Field("127.0.0.1:7233", description="Temporal frontend, host:port")
    temporal_namespace: str = Field("default", description="Temporal namespace")
    log_format: LogFormat = Field("json", description="form of the logs: json, or console")
    log_level: LogLevel = Field("INFO", description="least level that is logged: DEBUG to ERROR")
    stellar_network: Network = Field("sandbox", description="which Stellar network money moves on")
    # Checked against STELLAR_NETWORK, so that a forgotten STELLAR_NETWORK is noticed.
    stellar_network_passphrase: Annotated[str | None, AfterValidator(check_passphrase)] = Field(
        None, description="passphrase of the network, checked against STELLAR_NETWORK"
    )

    def get_passphrase(self) -> str:
        """Return the passphrase of the network; empty for one of our own that no setting names."""
        return self.stellar_network_passphrase or PASSPHRASES.get(self.stellar_network, "")


class ApiSettings(CommonSettings):
    """The HTTP API. It never has a signing seed."""

    api_host: str = Field("127.0.0.1", description="address to listen on")
    api_port: Whole = Field(8000, ge=0, le=65535, description="port to listen on")
    api_v1_prefix: Prefix = Field("/api/v1", description="what every path of the API begins with")
    allowed_origins: Origins = Field(
        "", description="origins whose pages may call the API with cookies, separated by commas"
    )
    api_connections_max: Whole = Field(600, ge=10, le=100_000, description="connections at once")
    api_head_within_seconds: Whole = Field(
        10, ge=1, le=600, description="seconds that the headers of a request may take to arrive"
    )
    api_body_within_seconds: Whole = Field(
        60, ge=1, le=3600, description="seconds that the body of a request may take to arrive"
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="bearer token that may read /metrics, 16 characters or more",
    )
    bootstrap_api_key: SecretStr = Field(min_length=16, description="first admin's API key")
    jwt_secret_key: SecretStr = Field(
        min_length=32,
        description="encrypts the keys that sign access tokens, at least 32 characters",
    )
    jwt_access_token_minutes: Whole = Field(
        10, ge=1, le=60, description="minutes for which an access token is good"
    )
    session_idle_hours: Whole = Field(
        24, ge=1, le=720, description="hours without a request after which a session ends"
    )
    session_max_days: Whole = Field(
        30, ge=1, le=365, description="days after which a session ends in any case"
    )
    session_cookie_secure: bool = Field(
        True, description="send the session's cookies over HTTPS alone"
    )
    registration: Literal["closed", "open"] = Field(
        "closed", description="open: anybody may register, and becomes a viewer"
    )
    sla_policy: str = Field(
        "standard", max_length=100, description="policy of outages that name none"
    )
    sla_agreement: str = Field(
        "default", max_length=100, description="agreement of outages that name none"
    )
    payout_cool_off_hours: CoolOff = Field(
        24, ge=0, le=720, description="hours until a changed payout address is used"
    )
    temporal_ui_url: str | None = Field(None, description="Temporal Web UI, shown to operators")
    stellar_rpc_url: str | None = Field(
        None, pattern=URLS, description="Stellar RPC node, shown to operators"
    )
    stellar_bond_address: Address = Field(description="account penalties come from")
    stellar_pool_address: Address = Field(description="account rewards come from")
    stellar_provider_address: Address = Field(description="account rewards go to")
    stellar_beneficiary_address: Address = Field(description="account penalties go to")
    webhook_secret_key: SecretStr = Field(min_length=32, description="encrypts webhooks' secrets")
    webhook_allow_private: PrivateReceivers = Field(
        False, description="accept webhook receivers on this machine itself (sandbox only)"
    )


class JudgingSettings(CommonSettings):
    """The settings that all workers must share: the execution mode of verdicts."""

    contract_execution_mode: Mode = Field(
        ExecutionMode.LOCAL,
        description="soroban: verdicts are paid only when the SLA contract confirms them",
    )


class WorkerSettings(JudgingSettings):
    """A worker of any queue but settlement."""


class WebhookSettings(CommonSettings):
    """The worker of the webhooks queue, which never has a signing seed."""

    webhook_secret_key: SecretStr = Field(
        min_length=32, description="encrypts the secrets of webhooks; the API has the same"
    )
    webhook_allow_private: PrivateReceivers = Field(
        False, description="post to receivers on this machine itself (sandbox only)"
    )


class ListenerSettings(CommonSettings):
    """The settings of every process that calls the Stellar network."""

    stellar_rpc_url: str = Field(
        pattern=URLS, description="Stellar RPC nodes, as http(s) URLs separated by commas"
    )
    stellar_network_passphrase: Passphrase = Field(
        min_length=1, description="passphrase of the network, checked against the node"
    )


class AnalyticsSettings(FoldingSettings, ListenerSettings):
    """The worker of the analytics queue: it reads the chain, and never has a signing seed."""

    stellar_usdc_issuer: Address = Field(description="account that issues USDC")
    stellar_bond_address: Address = Field(description="account penalties come from")
    stellar_pool_address: Address = Field(description="account rewards come from")
    reconciliation_every_seconds: Whole = Field(
        15, ge=1, le=3600, description="pause between two comparisons of journal and chain"
    )
    reconciliation_opens_circuit_breaker: bool = Field(
        True, description="stop settling when money left a treasury that nothing of ours explains"
    )
    integrity_check_every_seconds: Whole = Field(
        60, ge=1, le=86400, description="pause between two integrity checks of the whole journal"
    )
    obligation_overdue_hours: Whole = Field(
        24, ge=1, le=8760, description="hours until an unpaid obligation is overdue"
    )
    integrity_check_opens_circuit_breaker: bool = Field(
        True, description="stop settling when an invariant of the journal is found broken"
    )


class ChannelSettings(ListenerSettings):
    """The commands that list or release channels, whose addresses are derived from one seed."""

    stellar_channels_seed: SecretStr = Field(
        description="master seed (S...) the channel keys are derived from"
    )
    stellar_channels: Whole = Field(32, ge=1, le=1000, description="how many channel accounts")


class SettlementSettings(JudgingSettings, ChannelSettings):
    """The worker of the settlement queue: the only process with signing seeds."""

    stellar_usdc_issuer: Address = Field(description="account that issues USDC")
    stellar_bond_seed: SecretStr = Field(description="seed (S...) of the bond account")
    stellar_pool_seed: SecretStr = Field(description="seed (S...) of the sponsor pool account")
    stellar_treasury_seeds: SecretStr | None = Field(
        None, description="seeds (S...) of the treasuries that agreements have of their own"
    )
    stellar_fees_seed: SecretStr = Field(description="seed (S...) of the account that pays fees")
    stellar_operator_seed: SecretStr = Field(
        description="seed (S...) of the operator, which sponsors channels and holds no funds"
    )
    stellar_sla_contract: str | None = Field(
        None,
        pattern=CONTRACT,
        description="id (C...) of the SLA contract, needed when CONTRACT_EXECUTION_MODE is soroban",
    )
    stellar_fee_cap_stroops: Whole = Field(
        50_000_000,
        ge=1_000,
        lt=2**63,
        description="most that one transaction may cost, in stroops of XLM",
    )
    stellar_clock_drift_seconds: Whole = Field(
        30, ge=5, le=3600, description="seconds this clock may differ from the ledgers'"
    )
    stellar_friendbot_url: Friendbot = Field(
        None, pattern=r"^https?://[^,\s]+$", description="friendbot of a test network"
    )
    settlement_rail: SettlementRail = Field(
        SettlementRail.SOROBAN, description="how money moves: soroban, or classic batches"
    )
    netting_window_seconds: Whole = Field(
        0, ge=0, le=86_400, description="net payments between the same accounts; 0 does not"
    )
    settlement_cap_per_payment: Stroops = make_limit(10_000, "most USDC one payment may move")
    settlement_cap_per_day: Stroops = make_limit(
        100_000, "most USDC that may leave a treasury on a UTC day"
    )
    settlement_cap_per_payee_per_day: Stroops = make_limit(
        50_000, "most USDC a payee may be paid on a UTC day"
    )
    settlement_approval_above: Stroops = make_limit(
        5_000, "USDC above which two people must approve"
    )
    settlement_approval_above_stated: Stroops = make_limit(500, "USDC stated minutes may change")
    chain_reading_max_age_seconds: Whole = Field(
        60,
        ge=5,
        le=3600,
        description="seconds without a reading of the chain's transfers until nothing more is signed",
    )
    channel_claim_check_seconds: float = Field(
        5,
        ge=0.1,
        le=60,
        allow_inf_nan=False,
        description="seconds between two looks at whose the channel accounts are",
    )
    circuit_breaker_alarms: Whole = Field(
        5,
        ge=0,
        lt=2**31,
        description="how many refusals of what we sign open the circuit breaker; 0 is never",
    )
    circuit_breaker_unknowns: Whole = Field(
        1000,
        ge=0,
        lt=2**31,
        description="how many unanswered sends open the circuit breaker; 0 is never",
    )
    circuit_breaker_window_minutes: Whole = Field(
        10, ge=1, le=1440, description="minutes they count in"
    )


SEEDS = [
    name.upper() for name in SettlementSettings.model_fields if name.endswith(("_seed", "_seeds"))
]


def refuse_seeds() -> None:
    """Stop a process that signs nothing but was given a seed, so that it cannot leak one."""
    if found := [name for name in SEEDS if os.environ.get(name)]:
        lines = [f"{name}: this process signs nothing and must not have a seed" for name in found]
        end = "Give seeds only to the worker of the settlement queue."
        raise SystemExit("Cannot start. " + "\n".join([*lines, end]))


def load(kind: type[Settings]) -> Settings:
    """Read settings from the environment; stop with one line for each that is wrong."""
    if kind is ApiSettings:
        refuse_seeds()
    try:
        return kind()
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0])
            wanted = kind.model_fields[name].description
            wrong = problem["msg"].removeprefix("Value error, ")
            wrong = wrong[:1].lower() + wrong[1:]
            lines.append(f"{name.upper()}: {wrong}; it is the {wanted}")
        raise SystemExit("Cannot start. " + "\n".join(lines)) from None
