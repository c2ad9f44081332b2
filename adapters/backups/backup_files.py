"""
A backup file: what pg_dump wrote, followed by the manifest and a footer.

    dump | manifest (JSON) | footer: length and SHA-256 of the manifest, and a mark

pg_restore reads a dump from its beginning and ignores what follows it, so that the file can be restored
without this program too. A file that was torn has no footer.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from domain.errors import BackupUnusable, Conflict
from domain.recovery.backups import BackupManifest, parse_manifest

MARK = b"apexchainx-backup\n"
MANIFEST_BYTES_MAX = 1 << 24
FOOTER_BYTES = 8 + 32 + len(MARK)
CHUNK_BYTES = 1 << 20


@contextmanager
def open_unfinished(path: Path) -> Iterator[Path]:
    """
    Yield the file that `path` is written as until it is whole: private, and empty.

    Raises Conflict when `path` exists, or another process is writing it. What a killed process left
    is written over; on any failure nothing is left.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    if path.exists():
        raise Conflict(f"{path} exists, and no backup is written over another: choose another name")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another process is writing {path}: wait for it") from None
        _check_place(descriptor, unfinished, path)
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)
        try:
            yield unfinished
        except BaseException:
            with suppress(FileNotFoundError):
                unfinished.unlink()
            raise
    finally:
        os.close(descriptor)


def _check_place(descriptor: int, unfinished: Path, path: Path) -> None:
    """Refuse a file that another process has given its final name between our opening and locking it."""
    try:
        same = os.path.samestat(os.fstat(descriptor), unfinished.stat())
    except FileNotFoundError:
        same = False
    if not same or path.exists():
        raise Conflict(f"another process has just written {path}: choose another name")


def append_manifest(unfinished: Path, manifest: BackupManifest) -> None:
    """Write the manifest and the footer behind the dump, and wait until the disk has them."""
    content = manifest.encode()
    footer = len(content).to_bytes(8, "big") + hashlib.sha256(content).digest() + MARK
    with unfinished.open("ab") as file:
        file.write(content + footer)
        file.flush()
        os.fsync(file.fileno())


def publish_file(unfinished: Path, path: Path) -> None:
    """Give a whole file its name, durably."""
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def hash_dump(path: Path, length: int | None = None) -> tuple[int, str]:
    """Return the length of the dump in a file, all of it without `length`, and its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(min(CHUNK_BYTES, length - done) if length else CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
    return done, digest.hexdigest()


def read_backup(path: Path) -> BackupManifest:
    """
    Return the manifest of a backup whose every byte is as it was written.

    Raises BackupUnusable for a file that is torn or changed, or is no backup, OSError when it cannot be read.
    """
    with path.open("rb") as file:
        content, dump_bytes = _read_manifest(file, path)
    manifest = parse_manifest(content)
    if manifest.dump_bytes != dump_bytes:
        raise BackupUnusable(
            f"{path} has {dump_bytes} bytes of dump where {manifest.dump_bytes} were written: use another copy"
        )
    if hash_dump(path, dump_bytes)[1] != manifest.dump_sha256:
        raise BackupUnusable(
            f"{path} was changed: its SHA-256 is not the one it had; use another copy"
        )
    return manifest


def _read_manifest(file: BinaryIO, path: Path) -> tuple[bytes, int]:
    """The bytes of the manifest, and how many bytes stand before it."""
    torn = BackupUnusable(
        f"{path} is torn, or is no backup of apexchainx: its last bytes are missing; use another copy"
    )
    end = file.seek(0, os.SEEK_END)
    if end < FOOTER_BYTES:
        raise torn
    file.seek(end - FOOTER_BYTES)
    footer = file.read(FOOTER_BYTES)
    length = int.from_bytes(footer[:8], "big")
    start = end - FOOTER_BYTES - length
    if footer[40:] != MARK or length > MANIFEST_BYTES_MAX or start < 0:
        raise torn
    file.seek(start)
    content = file.read(length)
    if hashlib.sha256(content).digest() != footer[8:40]:
        raise BackupUnusable(
            f"{path} was changed: its manifest is not the one it had; use another copy"
        )
    return content, start
