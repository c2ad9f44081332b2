"""Folders that only root may enter, beside what every user may."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def make_public_folder() -> Iterator[Path]:
    """A folder that every user may enter, in the place of /var/lib."""
    path = Path(tempfile.mkdtemp(dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def make_closed_folder(parent: Path, name: str = "closed") -> Path:
    """A folder that only root may enter, as its home in a container is."""
    path = parent / name
    path.mkdir(mode=0o700)
    return path
