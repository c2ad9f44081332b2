"""What holds secrets goes neither into the repository nor into an image."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IN_GIT = shutil.which("git") is not None and (ROOT / ".git").exists()


@pytest.mark.skipif(not IN_GIT, reason="needs git, and a checkout of it")
@pytest.mark.parametrize(
    ("name", "ignored"),
    [(".env", True), (".env.seeds", True), (".env.production", True), (".env.example", False)],
)
def test_a_file_of_seeds_is_not_committed(name: str, ignored: bool) -> None:
    command = ["git", "check-ignore", "--quiet", "--no-index", name]
    asked = subprocess.run(command, cwd=ROOT, timeout=30, check=False)
    assert asked.returncode == (0 if ignored else 1)


def test_a_file_of_seeds_is_not_sent_to_the_builder_of_images() -> None:
    assert ".env*" in (ROOT / ".dockerignore").read_text().splitlines()
