"""Passwords are hashed with argon2id, off the event loop, and in a line that has an end."""

import asyncio
from contextlib import suppress
from time import perf_counter

import psutil
import pytest

from adapters.credentials import passwords
from adapters.credentials.passwords import LINE_MAX, PasswordHasher, is_outdated
from domain.errors import TooMany

OLD = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$9J2Y8kQHn4KJ3qv6vC3dUg"


async def test_a_password_is_known_again_and_no_other() -> None:
    hasher = PasswordHasher()
    made = await hasher.hash("pässword")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert made != await hasher.hash("pässword")
    assert await hasher.verify(made, "pässword")
    assert not await hasher.verify(made, "password")
    assert not await hasher.verify(None, "pässword")
    assert not is_outdated(made)
    assert is_outdated(OLD)
    await hasher.close()


def list_hashers() -> list[psutil.Process]:
    """Return the processes of ours that hash; what other tests have started may end meanwhile."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "adapters.credentials.passwords" in child.cmdline():
                found.append(child)
    return found


async def test_a_process_that_died_is_followed_by_another() -> None:
    hasher = PasswordHasher()
    made = await hasher.hash("password")
    (child,) = list_hashers()
    child.kill()
    assert await hasher.verify(made, "password")
    await hasher.close()
    assert not list_hashers()


async def test_a_crowd_waits_outside_and_the_event_loop_goes_on() -> None:
    hasher = PasswordHasher()
    began = perf_counter()
    tasks = [asyncio.create_task(hasher.hash(f"password-{n}")) for n in range(LINE_MAX + 5)]
    pauses = []
    while not all(task.done() for task in tasks):
        before = perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(perf_counter() - before)
    took = perf_counter() - began
    refused = [task for task in tasks if task.exception() is not None]
    assert len(refused) == 5
    with pytest.raises(TooMany, match="try again in a moment"):
        await refused[0]
    # A hash on the loop would hold it for as long as it takes.
    assert sorted(pauses)[len(pauses) // 2] < took / LINE_MAX / 2
    await hasher.close()


async def test_strangers_are_slowed_down_and_nobody_who_is_known_waits_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "BURST_SECONDS", 0.0)
    hasher = PasswordHasher()
    made = await hasher.hash("password")
    assert not await hasher.verify(None, "a first guess")
    monkeypatch.setattr(passwords, "FRACTION", 0.0001)  # minutes for one hash
    crowd = [asyncio.create_task(hasher.verify(None, f"guess-{n}")) for n in range(LINE_MAX)]
    async with asyncio.timeout(10):
        assert await hasher.verify(made, "password", by_stranger=False)
        assert await hasher.hash("another")
    assert not [each for each in crowd if each.done()]
    with pytest.raises(TooMany):
        await hasher.verify(made, "password")
    for each in crowd:
        each.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    await hasher.close()
