"""
docker-compose.yml holds together as far as a machine without Docker can tell: what it names exists, and each process
is given what it needs and no secret of another.
"""

import importlib.util
import re
from typing import Any

import pytest
import yaml

from adapters.settings import SEEDS
from adapters.temporal import QUEUES
from cli.main import find_commands
from tests.docs.test_docs import NAMES, OTHERS, read_document

TEXT = read_document("docker-compose.yml")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each.get("image") == "apexchainx"}
WORKERS = {name: each for name, each in OURS.items() if name.startswith("worker-")}
# Whoever makes, changes or copies the database.
OWNERS = {"migrate", "maintenance"}


def test_every_service_waits_for_one_that_can_be_waited_for() -> None:
    for name, each in SERVICES.items():
        for other, wanted in each.get("depends_on", {}).items():
            assert other in SERVICES, name
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
            else:
                assert SERVICES[other]["restart"].startswith("on-failure"), (name, other)


def test_every_volume_and_config_is_declared() -> None:
    for each in SERVICES.values():
        for volume in each.get("volumes", ()):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        for config in each.get("configs", ()):
            assert config["source"] in COMPOSE["configs"]


def test_every_variable_is_in_the_example() -> None:
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) <= NAMES | OTHERS
    for each in OURS.values():
        assert set(each["environment"]) <= NAMES | OTHERS


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_ours_exists(name: str) -> None:
    for command in (
        OURS[name].get("command", ["apexchainx", "backup"]),
        OURS[name].get("healthcheck", {}).get("test", ["CMD", "apexchainx", "polling"])[1:],
    ):
        if command[0] == "apexchainx":
            assert command[1] in find_commands()
        elif command[1:3] == ["-P", "-m"]:
            assert importlib.util.find_spec(f"{command[3]}.__main__")
        else:
            assert command[:2] == ["python", "-c"]


def test_every_queue_has_a_worker_that_is_asked_whether_it_polls() -> None:
    served = [each["command"][-1] for each in WORKERS.values()]
    assert sorted(served) == sorted(QUEUES)
    for each in WORKERS.values():
        assert each["healthcheck"]["test"][-2:] == ["--queues", each["command"][-1]]


@pytest.mark.parametrize("name", OURS)
def test_the_password_of_the_owner_is_given_to_the_owners_commands_alone(name: str) -> None:
    """The file .env has it for PostgreSQL; what stands in `environment` goes before that file."""
    given = OURS[name]["environment"]
    assert given["POSTGRES_PASSWORD"] == ""
    assert bool(given["DATABASE_OWNER_URL"]) == (name in OWNERS)
    assert "apexchainx_app" in given["DATABASE_URL"]


def test_the_seeds_are_given_to_the_settlement_worker_alone() -> None:
    assert [name for name, each in OURS.items() if ".env.seeds" in each["env_file"]] == [
        "worker-settlement"
    ]
    assert not [
        name
        for name in SEEDS
        if re.search(rf"^{name}=", read_document(".env.example"), re.MULTILINE)
    ]
