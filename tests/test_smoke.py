"""The script that users run against their own engine settles an outage on this one."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY

SCRIPT = Path(__file__).parents[1] / "docs" / "smoke.sh"


async def smoke(url: str, key: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *("sh", str(SCRIPT)),
        env=os.environ | {"APEXCHAINX_URL": url, "APEXCHAINX_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, said.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script asks with curl")
async def test_the_smoke_script_settles_and_shows_the_proof(stack: Stack) -> None:
    code, said = await smoke(stack.url, KEY)
    assert code == 0, said
    assert "USDC in transaction" in said
    assert "every step of it: apexchainx payments explain pay_" in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script asks with curl")
async def test_the_smoke_script_fails_where_it_is_not_let_in(stack: Stack) -> None:
    code, said = await smoke(stack.url, "not-a-key")
    assert code != 0
    assert "401" in said
