"""What PostgreSQL's own user may not enter is kept where it may, by root alone, and found again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.environment import placement
from devstack.environment.placement import OWNER, POINTER
from devstack.processes.programs import CannotStart
from tests.testkit.closed_folders import make_closed_folder, make_public_folder

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts PostgreSQL as another user"
)
NOBODY = 65534


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with make_public_folder() as path:
        monkeypatch.setattr(placement, "ROOTS", (path,))
        yield path


@pytest.fixture
def closed(public: Path) -> Path:
    return make_closed_folder(public)


@pytest.fixture
def data(closed: Path) -> Path:
    return make_closed_folder(closed, "var")


@pytest.fixture
def server(closed: Path) -> Path:
    """Installed by somebody who lets nobody else read."""
    program = closed / "server" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho runs\n")
    program.chmod(0o700)
    (closed / "server" / "share").mkdir(mode=0o700)
    (closed / "server" / "share" / "zones").write_text("UTC")
    (closed / "server" / "latest").symlink_to("bin")
    return closed / "server"


def test_a_copy_can_be_read_and_run_by_all_and_is_made_once(public: Path, server: Path) -> None:
    assert not placement.is_open_to_all(server / "bin" / "postgres")
    leftover = public / "apexchainx" / "unfinished-1"
    leftover.mkdir(parents=True)
    copy = placement.place_server(server.parent, ["server"], "18-0") / "server"
    assert not leftover.exists()
    assert placement.is_open_to_all(copy / "bin" / "postgres")
    said = subprocess.run(
        [copy / "latest" / "postgres"], user=NOBODY, capture_output=True, check=True
    ).stdout
    assert said == b"runs\n"
    assert (copy / "share" / "zones").stat().st_mode & 0o004
    shutil.rmtree(server)
    assert placement.place_server(server.parent, ["server"], "18-0") == copy.parent


@pytest.mark.parametrize("trap", ["another's", "open", "link"])
def test_what_somebody_else_prepared_is_not_used(
    public: Path, server: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    first, second = public / "first", public / "second"
    for each in (first, second):
        each.mkdir()
        each.chmod(0o1777)
    prepared = first / "apexchainx"
    if trap == "link":
        target = public / "target"
        target.mkdir()
        prepared.symlink_to(target)
    else:
        prepared.mkdir()
        if trap == "open":
            prepared.chmod(0o777)
        else:
            os.chown(prepared, NOBODY, NOBODY)
    monkeypatch.setattr(placement, "ROOTS", (first, second))
    assert placement.place_server(server.parent, ["server"], "18-0").parent == second / "apexchainx"
    assert trap == "link" or list(prepared.iterdir()) == []
    monkeypatch.setattr(placement, "ROOTS", (first,))
    with pytest.raises(CannotStart, match="there is no other place for its files"):
        placement.place_server(server.parent, ["server"], "18-0")


def test_a_folder_below_one_that_others_rearrange_is_not_used(
    public: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all = public / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(placement, "ROOTS", (open_to_all,))
    with pytest.raises(CannotStart, match="is not root's alone"):
        placement.move_data(data)


def test_two_data_directories_have_two_databases(public: Path, data: Path) -> None:
    other = data.with_name("other")
    other.mkdir()
    folders = placement.move_data(data), placement.move_data(other)
    assert folders[0] != folders[1]
    assert (placement.find_data(data), placement.find_data(other)) == folders
    shutil.rmtree(other)
    assert placement.list_orphans(data) == {folders[1]: other}


def test_a_moved_data_directory_takes_its_database_along_and_a_copied_one_does_not(
    public: Path, data: Path
) -> None:
    folder = placement.move_data(data)
    moved = data.rename(data.with_name("moved"))
    assert placement.find_data(moved) == folder
    shutil.copytree(moved, data)
    assert placement.find_data(moved) == folder
    with pytest.raises(CannotStart, match=f"is a copy of {moved}, whose database is in {folder}"):
        placement.find_data(data)


def test_a_database_that_is_gone_is_not_silently_made_anew(public: Path, data: Path) -> None:
    folder = placement.move_data(data)
    shutil.rmtree(folder)
    with pytest.raises(CannotStart, match=f"was kept in {folder}, and is not there any more"):
        placement.find_data(data)


def test_a_pointer_to_a_folder_of_somebody_else_is_not_followed(public: Path, data: Path) -> None:
    trap = public / "trap" / "data-1"
    trap.mkdir(parents=True)
    (trap / OWNER).write_text(f"{data}\n")
    os.chown(trap, NOBODY, NOBODY)
    (data / POINTER).write_text(f"{trap}\n")
    with pytest.raises(CannotStart, match="is not there any more"):
        placement.find_data(data)
