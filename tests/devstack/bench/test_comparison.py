"""Two builds are measured in turn, each by its own command in its own checkout."""

from pathlib import Path

import orjson
import pytest

from devstack.bench.lifecycle.comparison import Build, compare, find_builds, take_median
from devstack.processes.programs import CannotStart

LATENCIES = {"count": 9, "p50_ms": 10.0, "p95_ms": 20.0, "max_ms": 30.0}


def make_build(folder: Path, name: str, rates: list[float]) -> Build:
    """Make a checkout whose command writes down that it ran, and reports the next of these rates."""
    command = folder / name / ".venv/bin/apexchainx"
    command.parent.mkdir(parents=True)
    for turn, rate in enumerate(rates):
        measured = {"per_second": rate, "lives": 9, "memory_mb": {"worker": 100}}
        measured |= {"steps": {"declare": LATENCIES}, "cpu_ms_per_life": {"worker": 50, "api": 9.5}}
        report = {"real": measured, "bare": {"per_second": 2 * rate}, "problems": []}
        (folder / name / f"{turn}.json").write_bytes(orjson.dumps(report))
    command.write_text(
        f"""#!/bin/sh
turn=$(grep -c {name} {folder}/turns)
echo "{name} $(pwd) ${{STELLAR_BOND_SEED-none}} $*" >> {folder}/turns
echo starting; cat $turn.json
"""
    )
    command.chmod(0o755)
    return Build(name, command, folder / "data" / name)


async def test_builds_take_turns_each_in_its_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STELLAR_BOND_SEED", "a seed of the caller")
    (tmp_path / "turns").touch()
    builds = [make_build(tmp_path, "new", [9, 12, 10]), make_build(tmp_path, "old", [6, 5, 7])]
    new, old = await compare(builds, ["--seconds", "3"], 3)
    turns = [line.split() for line in (tmp_path / "turns").read_text().splitlines()]
    assert [turn[0] for turn in turns] == ["new", "old"] * 3
    assert {(turn[0], turn[1]) for turn in turns} == {
        (name, str(tmp_path / name)) for name in ("new", "old")
    }
    assert {turn[2] for turn in turns} == {"none"}
    assert turns[0][3:7] == ["bench", "lifecycle", "--json", "--rounds"]
    assert turns[0][-4:] == ["--data-dir", str(tmp_path / "data/new"), "--seconds", "3"]
    assert [each.per_second for each in old] == [6, 5, 7]
    median = take_median(new)
    assert (median.per_second, median.cpu_ms, median.declare_p95_ms) == (10, 59.5, 20.0)
    assert median.bare_per_second == 20


async def test_a_build_that_does_not_report_says_why(tmp_path: Path) -> None:
    build = make_build(tmp_path, "broken", [])
    build.command.write_text("#!/bin/sh\necho no space left >&2; exit 1\n")
    with pytest.raises(CannotStart, match="broken: no space left"):
        await compare([build], [], 1)


def test_a_checkout_without_an_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="is missing; run"):
        find_builds(tmp_path, tmp_path)
