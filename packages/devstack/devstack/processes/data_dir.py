"""The data directory of one stack: who has it, which versions wrote it, and where everything in it is."""

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from devstack.processes.programs import CannotStart

# Raised when a newer layout cannot read an older one.
LAYOUT = 2
NEEDED_BYTES = 300_000_000


@dataclass(frozen=True)
class StackRecord:
    """What `stack.json` says of the stack that runs here, or ran here last."""

    url: str
    versions: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    layout: int = LAYOUT

    @property
    def owner_url(self) -> str:
        """The database as its owner, who may make others beside it."""
        known = self.environment
        return known.get("DATABASE_OWNER_URL") or known["DATABASE_URL"]


class DataDirectory:
    """Held by one stack at a time; the lock goes with the process that took it, however it goes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def take(self) -> None:
        """Make it and lock it; refuse one that another stack uses, or without room."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.path / "lock").open("a")
        except OSError as failure:
            raise CannotStart(
                f"{self.path} cannot be used ({failure.strerror}): name another --data-dir"
            ) from None
        try:
            self._refuse_two()
            self._refuse_a_full_disk()
        except BaseException:
            self.leave()
            raise

    def accept(self, versions: dict[str, str]) -> None:
        """Refuse one that a version wrote whose files these versions cannot read."""
        record = self.record()
        if record is None:
            return
        wrote = {"layout": str(record.layout)} | record.versions
        for part, ours in ({"layout": str(LAYOUT)} | versions).items():
            theirs = wrote.get(part, ours)
            newer = part == "apexchainx" and _order(theirs) > _order(ours)
            if newer or (part != "apexchainx" and theirs != ours):
                raise CannotStart(
                    f"{self.path} was written by {part} {theirs} and this is {part} {ours}: "
                    "move it away, or name another --data-dir"
                )

    def leave(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def write(self, record: StackRecord) -> None:
        write_private(self._record_file, json.dumps(asdict(record), indent=1))

    def record(self) -> StackRecord | None:
        try:
            return StackRecord(**json.loads(self._record_file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise CannotStart(
                f"{self._record_file} cannot be read: move {self.path} away, "
                "or name another --data-dir"
            ) from None

    def running(self) -> StackRecord | None:
        """The stack that serves from here now, found by its lock; None while it is still starting."""
        try:
            with (self.path / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = self.record()
            return record if record and record.pids else None
        except FileNotFoundError:
            pass
        return None

    def secret(self, name: str) -> str:
        """A random one, drawn at the first call and kept."""
        path = self.path / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    @property
    def _record_file(self) -> Path:
        return self.path / "stack.json"

    def _refuse_two(self) -> None:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = self.record()
            where = f" at {record.url}" if record and record.pids else ""
            raise CannotStart(
                f"another ApexChainx runs in {self.path}{where}: stop it, "
                "or name another --data-dir"
            ) from None

    def _refuse_a_full_disk(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise CannotStart(
                f"no space left: {free // 1_000_000} MB are free at {self.path} "
                f"and {NEEDED_BYTES // 1_000_000} MB are needed"
            )


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner only."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
