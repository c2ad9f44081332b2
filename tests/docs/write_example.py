"""Write `.env.example` anew: `make example`. Every setting, with what it means and what it is when it is not set."""

from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from adapters.settings import (
    SEEDS,
    AnalyticsSettings,
    ApiSettings,
    ChannelSettings,
    CommonSettings,
    JudgingSettings,
    SettlementSettings,
    WebhookSettings,
    WorkerSettings,
)
from domain.money import format_amount

EXAMPLE = Path(__file__).parents[2] / ".env.example"
HEAD = """\
# Every setting; docs/settings.md explains each. `apexchainx up` and `make demo` need none of them.
# For containers: cp .env.example .env, and move the five seeds to .env.seeds, which only the
# settlement worker is given. Written by `make example`.
"""
GROUPS: dict[str, list[type[BaseSettings]]] = {
    "Every process": [CommonSettings],
    "The HTTP API": [ApiSettings],
    "Every worker": [JudgingSettings, WorkerSettings],
    "The worker of webhooks": [WebhookSettings],
    "The worker of analytics, which compares journal and chain": [AnalyticsSettings],
    "The worker of settlement": [ChannelSettings, SettlementSettings],
}
# What the example sets instead of a default.
VALUES = {
    "DATABASE_URL": "postgresql://apexchainx_app:change-me@127.0.0.1:5432/apexchainx",
    "STELLAR_NETWORK": "testnet",
    "STELLAR_NETWORK_PASSPHRASE": '"Test SDF Network ; September 2015"',
    "STELLAR_RPC_URL": "https://soroban-testnet.stellar.org",
    "TEMPORAL_UI_URL": "http://127.0.0.1:8233",
}
# Not read by a process of ours: the command line's, the tests' and the containers'.
OTHERS = {
    "The command line": {
        "DATABASE_OWNER_URL": (
            "the same database as its owner, for migrate, verify-migrations, backup and restore alone",
            "#postgresql://apexchainx:change-me@127.0.0.1:5432/apexchainx",
        ),
        "APEXCHAINX_DATA_DIR": ("where `apexchainx up` keeps everything", "#var"),
        "APEXCHAINX_URL": (
            "the API that `apexchainx replay`, `export` and `imports` call, with the key BOOTSTRAP_API_KEY",
            "#http://127.0.0.1:8000",
        ),
        "APEXCHAINX_SHARED": ("folder of recorded outages, for tests", "#../shared"),
    },
    "Containers": {
        "POSTGRES_PASSWORD": ("of the owner of the database; required", ""),
        "POSTGRES_APPLICATION_PASSWORD": (
            "of the user that the processes connect as; required",
            "",
        ),
        "TEMPORAL_UI_PORT": ("where the Web UI is published", "#8233"),
    },
}


def render() -> str:
    lines, seeds, seen = [HEAD], list[str](), set[str]()
    for title, kinds in GROUPS.items():
        fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
        lines.append(f"# {title}")
        lines.extend(_point_above([name for name in fields if name in seen]))
        for name, field in fields.items():
            if name not in seen:
                (seeds if name.upper() in SEEDS else lines).extend(_render(name.upper(), field))
        seen |= set(fields)
        lines.append("")
    lines += ["# .env.seeds: the worker of settlement, and nobody else", *seeds, ""]
    for title, others in OTHERS.items():
        lines.append(f"# {title}")
        for name, (meaning, value) in others.items():
            lines += [
                f"# {meaning}",
                f"#{name}={value[1:]}" if value[:1] == "#" else f"{name}={value}",
            ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _point_above(names: list[str]) -> list[str]:
    """Return which settings a process needs that another group has shown, without those of every process."""
    shown = [name.upper() for name in names if name not in CommonSettings.model_fields]
    return [f"# It also reads, from above: {', '.join(shown)}"] if shown else []


def _render(name: str, field: FieldInfo) -> Iterator[str]:
    default = "required" if field.is_required() else f"default {_show(name, field.default)}"
    yield f"# {field.description}; {default}"
    if name in VALUES:
        yield f"{name}={VALUES[name]}"
    elif field.is_required() and name not in SEEDS:
        yield f"{name}="
    else:
        empty = field.is_required() or field.default in (None, "")
        yield f"#{name}={'' if empty else _show(name, field.default)}"


def _show(name: str, default: object) -> str:
    if default is None or default == "":
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if name.startswith(("SETTLEMENT_CAP_", "SETTLEMENT_APPROVAL_")):
        assert isinstance(default, int)
        return format_amount(default)
    return str(default)


if __name__ == "__main__":
    EXAMPLE.write_text(render())
    print(f"written: {EXAMPLE.name}")
