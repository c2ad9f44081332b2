"""Recorded outages are settled once, impossible ones are refused by name, and nothing else stops."""

import asyncio
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devstack.environment.stack import Stack
from tests.testkit.processes.commands import run_command


@dataclass
class CommandResult:
    code: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return found


async def replay(*arguments: str | Path) -> CommandResult:
    command = partial(run_command, environment=os.environ | {"COLUMNS": "200"})
    ended = await asyncio.to_thread(command, "cli.main", "replay", *map(str, arguments))
    return CommandResult(ended.returncode, ended.stdout, ended.stderr)


def record(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"past-{number}",
        "provider": "Northern Cable",
        "site": f"Exchange {number}",
        "source": "northern",
        "title": "No signal",
        "severity": "high",
        "services": ["Internet"],
        "started_at": "2024-03-01T10:00:00Z",
        "resolved_at": f"2024-03-01T10:{10 * number:02}:00Z",
    } | changes


IMPOSSIBLE = [
    record(6, resolved_at=None),
    record(7, resolved_at="2024-03-01T10:00:00Z"),
    record(8, resolved_at="2024-03-01T09:00:00+00:00"),
    record(9, severity="awful"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outages.json"
    possible = [record(number) for number in range(1, 6)]
    path.write_text(json.dumps({"meta": {}, "outages": IMPOSSIBLE[:2] + possible + IMPOSSIBLE[2:]}))
    return path


async def test_a_file_is_settled_once_however_often_it_is_played(stack: Stack, file: Path) -> None:
    options = ("--dispute-window", "1", "--json", "--url", stack.url)
    key = ("--api-key", stack.environment["BOOTSTRAP_API_KEY"])
    first = await replay(file, *options, *key)
    assert first.code == 0, first.stderr
    counts = first.summary
    assert (counts["accepted"], counts["closed"], counts["payments_new"]) == (5, 5, 5)
    # 10, 20 and 30 of 30 minutes are met (twice the reward, one and a half, once); 40 and 50 are not.
    assert (counts["met"], counts["rewards_usdc"]) == (3, 750 * 2 + 750 * 3 / 2 + 750)
    assert (counts["violated"], counts["penalties_usdc"]) == (2, 50 * (10 + 20))
    assert counts["journal_sum_stroops"] == 0
    after = "resolved_at: must be after the outage began, at 2024-03-01T10:00:00+00:00, not "
    assert [refusal["reason"] for refusal in counts["refusals"]] == [
        "resolved_at: is missing",
        after + "2024-03-01T10:00:00+00:00",
        after + "2024-03-01T09:00:00+00:00",
        "severity: must be one of critical, high, medium, low",
    ]
    assert "refused past-6: resolved_at: is missing" in first.stderr

    second = await replay(file, *options, *key)
    assert second.code == 0, second.stderr
    counts = second.summary
    assert (counts["closed"], counts["payments_confirmed"], counts["payments_new"]) == (5, 5, 0)


async def test_without_an_engine_it_starts_one_until_the_end(
    surroundings: None, file: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "var"
    answer = await replay(file, "--limit", "3", "--dispute-window", "0", "--data-dir", directory)
    assert answer.code == 0, answer.stderr
    assert "outages closed       1 of 1" in answer.stdout
    assert "1, of which 1 are new" in answer.stdout
    assert json.loads((directory / "stack.json").read_text())["pids"] == {}


async def test_impossible_records_alone_are_no_failure(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"records": IMPOSSIBLE}))
    key = stack.environment["BOOTSTRAP_API_KEY"]
    answer = await replay(path, "--json", "--url", stack.url, "--api-key", key)
    assert (answer.code, answer.summary["refused"]) == (0, 4)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not JSON: "),
        ('{"events": []}', "holds no outages"),
    ],
)
async def test_a_useless_file_is_one_sentence(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    path = tmp_path / "outages.json"
    if content is not None:
        path.write_text(content)
    answer = await replay(path, "--data-dir", tmp_path / "var")
    assert (answer.code, answer.stdout) == (2, "")
    assert sentence in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "var").exists()


async def test_a_wrong_key_is_said_in_a_sentence(stack: Stack, file: Path) -> None:
    answer = await replay(file, "--url", stack.url, "--api-key", "nobody's")
    assert answer.code == 1
    assert (
        answer.stderr.splitlines()[-1]
        == "apexchainx: the API key is not known: ask an admin for one"
    )


async def test_patience_has_an_end(file: Path) -> None:
    nowhere = ("--url", "http://127.0.0.1:1", "--api-key", "any", "--patience", "1")
    answer = await replay(file, *nowhere, "--dispute-window", "1")
    assert answer.code == 1
    assert "http://127.0.0.1:1 does not answer" in answer.stderr.splitlines()[-1]
