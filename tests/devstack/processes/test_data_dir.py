"""One stack to a directory, of one version, with its secrets for its owner only."""

import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.programs import CannotStart

VERSIONS = {"apexchainx": "0.1.0", "postgres": "18", "temporal": "1.9.1"}


def test_a_second_stack_learns_where_the_first_one_runs(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    first.take()
    first.write(StackRecord("http://127.0.0.1:8000", VERSIONS, pids={"api": 1}))
    with pytest.raises(CannotStart) as failure:
        DataDirectory(tmp_path).take()
    assert str(failure.value) == (
        f"another ApexChainx runs in {tmp_path} at http://127.0.0.1:8000: "
        "stop it, or name another --data-dir"
    )
    first.leave()
    second = DataDirectory(tmp_path)
    second.take()
    second.leave()


def test_a_running_stack_can_be_found(tmp_path: Path) -> None:
    seeker = DataDirectory(tmp_path)
    assert seeker.running() is None
    stack = DataDirectory(tmp_path)
    stack.take()
    assert seeker.running() is None, "it is still starting"
    stack.write(StackRecord("http://127.0.0.1:8000", VERSIONS, pids={"api": 1}))
    found = seeker.running()
    assert found
    assert found.url == "http://127.0.0.1:8000"
    stack.leave()
    assert seeker.running() is None, "it was killed and could not clean up"


def test_nobody_runs_in_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert DataDirectory(tmp_path / "nowhere").running() is None


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"temporal": "1.9.0"}, "written by temporal 1.9.0 and this is temporal 1.9.1"),
        ({"postgres": "17"}, "written by postgres 17 and this is postgres 18"),
        ({"apexchainx": "0.10.0"}, "written by apexchainx 0.10.0 and this is apexchainx 0.1.0"),
    ],
)
def test_another_version_s_directory_is_refused(
    tmp_path: Path, change: dict[str, str], refusal: str
) -> None:
    directory = DataDirectory(tmp_path)
    directory.write(StackRecord("", VERSIONS | change))
    with pytest.raises(CannotStart, match=refusal):
        directory.accept(VERSIONS)


def test_an_older_version_s_directory_is_taken_over(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.accept(VERSIONS)
    directory.write(StackRecord("", VERSIONS | {"apexchainx": "0.0.9"}))
    directory.accept(VERSIONS)
    directory.write(StackRecord("", {"apexchainx": "0.1.0"}))
    directory.accept(VERSIONS)


def test_an_unreadable_record_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(CannotStart, match=r"stack\.json cannot be read: move"):
        DataDirectory(tmp_path).accept(VERSIONS)


def test_a_path_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"cannot be used \(Not a directory\): name another"):
        DataDirectory(tmp_path / "file" / "var").take()


def test_a_full_disk_is_a_sentence_and_frees_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = DataDirectory(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
        with pytest.raises(CannotStart, match="no space left: 5 MB are free"):
            directory.take()
    again = DataDirectory(tmp_path)
    again.take()
    again.leave()


def test_a_secret_is_drawn_once_and_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secret = DataDirectory(tmp_path).secret("api-key")
    finally:
        os.umask(before)
    assert DataDirectory(tmp_path).secret("api-key") == secret
    assert len(secret) >= 32
    assert stat.S_IMODE((tmp_path / "api-key").stat().st_mode) == 0o600
