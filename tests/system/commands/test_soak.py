"""A soak in small: faults are met, and the chain's history agrees with every payment."""

import asyncio
import json
import sys


async def test_a_soak_meets_its_faults_and_ends_clean(surroundings: None) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "soak", "--settlements", "60", "--in-flight", "30"),
        *("--ledger-seconds", "0.25", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, stdout.decode() + stderr.decode()
    report = json.loads(stdout.splitlines()[-1])
    assert (report["payments"], report["clean"]) == (60, True)
    assert report["statuses"] == {"confirmed": 60}
    assert sum(report["faults"].values()) > 0
