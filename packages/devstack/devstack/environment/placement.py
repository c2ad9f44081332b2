"""Where the files of a server stand when root starts it and its own user may not enter the folders they came in.

PostgreSQL does not run as root. In root's home, or any folder of mode 0700, the user who runs it instead can
neither execute the installed server nor, on some systems, enter the data directory. Then a copy of the server, and
the data, stand in a folder that only root can make: `apexchainx` below one of ROOTS. Nobody else can have put it
there or change it: each folder on the way belongs to root, and is closed to the writing of others or sticky.
"""

import fcntl
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.processes.data_dir import write_private
from devstack.processes.programs import CannotStart

# The first is where servers keep their data; the others are for systems that are read-only but for them.
ROOTS = (Path("/var/lib"), Path("/var/tmp"), Path("/tmp"))
NAME = "apexchainx"
# In the data directory: names the folder its database moved to. In that folder: names the data directory.
POINTER, OWNER = "postgres-location", "data-directory"


def is_open_to_all(path: Path) -> bool:
    """Whether every user may execute `path`, or enter it, and enter each folder above it."""
    resolved = path.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (resolved, *resolved.parents))


def place_server(installed: Path, parts: list[str], version: str) -> Path:
    """Return a copy of these parts of a folder that every user may execute, made at the first call for a version."""
    shared = _shared_folder(executable=True)
    copy = shared / f"server-{version}"
    with _locked(shared):
        if not copy.is_dir():
            draft = Path(tempfile.mkdtemp(prefix="unfinished-", dir=shared))
            for part in parts:
                shutil.copytree(installed / part, draft / part, symlinks=True)
            _open_to_readers(draft)
            draft.rename(copy)
    return copy


def find_data(directory: Path) -> Path:
    """Return the folder that holds the database of a data directory: itself, or the one it points to."""
    folder = _pointed_to(directory)
    if folder is None:
        return directory
    owner = _owners(folder.parent).get(folder) if folder.exists() and _is_safe(folder) else None
    if owner is None:
        raise CannotStart(
            f"the database of {directory} was kept in {folder}, and is not there any more: "
            f"restore it, or delete {directory} to start afresh"
        )
    if owner != directory:
        if _pointed_to(owner) == folder:
            raise CannotStart(
                f"{directory} is a copy of {owner}, whose database is in {folder}, and two cannot share it: "
                "use the original, or name another --data-dir"
            )
        (folder / OWNER).write_text(f"{directory}\n")  # it was moved here
    return folder


def move_data(directory: Path) -> Path:
    """Give the database of a new data directory a folder of its own, outside, and write down the way to it."""
    shared = _shared_folder(executable=False)
    with _locked(shared):
        for stale, owner in _owners(shared).items():
            # New again: the data directory was deleted since, and its database goes, too.
            if owner == directory:
                shutil.rmtree(stale)
        draft = Path(tempfile.mkdtemp(prefix="unfinished-", dir=shared))
        (draft / OWNER).write_text(f"{directory}\n")
        draft.chmod(0o711)
        folder = draft.with_name(draft.name.replace("unfinished", "data"))
        draft.rename(folder)
        write_private(directory / POINTER, f"{folder}\n")
    return folder


def list_orphans(directory: Path) -> dict[Path, Path]:
    """Return the folders beside the one of `directory` whose data directory is gone, and what that was."""
    owners = _owners(find_data(directory).parent)
    return {folder: owner for folder, owner in owners.items() if _pointed_to(owner) != folder}


def give(path: Path, owner: str | None) -> None:
    if owner:
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid)


def _shared_folder(*, executable: bool) -> Path:
    refusals = []
    for root in ROOTS:
        folder = root / NAME
        try:
            folder.mkdir(mode=0o711, exist_ok=True)
            if _is_safe(folder) and not (executable and _forbids_execution(folder)):
                folder.chmod(0o711)  # whatever the umask was
                return folder
            refusals.append(f"{folder} is not root's alone, or forbids execution")
        except OSError as failure:
            refusals.append(f"{folder}: {failure.strerror}")
    raise CannotStart(
        "PostgreSQL does not run as root, its own user may not enter this folder, and there is no other "
        f"place for its files ({'; '.join(refusals)}): install where every user may enter, "
        "or set DATABASE_URL to a PostgreSQL of yours"
    )


def _is_safe(folder: Path) -> bool:
    """No link; root's; and nobody else may put another in its place, here or above."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022 or found.st_uid != os.geteuid():
        return False
    for above in folder.parents:
        each = above.stat()
        writable = each.st_mode & 0o022 and not each.st_mode & stat.S_ISVTX
        if each.st_uid != 0 or writable or not each.st_mode & stat.S_IXOTH:
            return False
    return True


def _forbids_execution(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0))


def _pointed_to(directory: Path) -> Path | None:
    try:
        return Path((directory / POINTER).read_text().strip())
    except FileNotFoundError:
        return None


def _owners(shared: Path) -> dict[Path, Path]:
    """The data directory of each folder."""
    written = sorted(shared.glob(f"data-*/{OWNER}"))
    return {each.parent: Path(each.read_text().strip()) for each in written}


def _open_to_readers(folder: Path) -> None:
    """Whoever installed the server may have kept it from others; what the owner may read or run, all may."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            may = path.stat().st_mode & 0o500
            path.chmod(0o200 | may | may >> 3 | may >> 6)


@contextmanager
def _locked(shared: Path) -> Iterator[None]:
    with (shared / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for unfinished in shared.glob("unfinished-*"):  # of somebody who was killed
            shutil.rmtree(unfinished)
        yield
