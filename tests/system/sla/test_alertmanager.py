"""
A real Alertmanager drives 100 alerts with flaps, silences and restarts: every outage that was really down is
there once with its times, or asks a person; none is settled with an invented end.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.api_client import wait_until
from tests.testkit.sla.alertmanager import PROGRAM, Alertmanager, run_alertmanager
from tests.testkit.sla.source_client import SourceClient, make_source_client
from tests.testkit.stacks import Stacks

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="prometheus-alertmanager is not installed")
# 40 go down and come back, 20 flap, 20 come back within a silence, 20 are down until the end.
PLAIN, FLAPS, SILENCED, STEADY = (range(40), range(40, 60), range(60, 80), range(80, 100))
Times = tuple[datetime, datetime]


def name_site(number: int) -> str:
    kind = next(
        kind
        for kind, numbers in (("p", PLAIN), ("f", FLAPS), ("q", SILENCED), ("s", STEADY))
        if number in numbers
    )
    return f"{kind}{number}"


@dataclass
class Sites:
    """What is really down, which is told to Alertmanager every second as Prometheus does it."""

    alertmanager: Alertmanager
    down: dict[int, datetime] = field(default_factory=dict)
    was_down: defaultdict[int, list[Times]] = field(default_factory=lambda: defaultdict(list))

    def make(self, number: int, start: datetime, end: datetime | None) -> dict[str, Any]:
        labels = {"alertname": f"Down{number % 5}", "site": name_site(number), "severity": "page"}
        alert: dict[str, Any] = {"labels": labels, "startsAt": start.isoformat()}
        until = end or datetime.now(UTC) + timedelta(minutes=4)
        return alert | {"endsAt": until.isoformat()}

    async def tell(self) -> None:
        await self.alertmanager.post_alerts(
            [self.make(number, start, None) for number, start in self.down.items()]
        )

    async def break_down(self, *numbers: int) -> None:
        self.down |= dict.fromkeys(numbers, datetime.now(UTC))
        await self.tell()

    async def mend(self, *numbers: int) -> None:
        now = datetime.now(UTC)
        ended = [self.make(number, self.down[number], now) for number in numbers]
        for number in numbers:
            self.was_down[number].append((self.down.pop(number), now))
        await self.alertmanager.post_alerts(ended)

    async def wait(self, seconds: float) -> None:
        """Let time pass, and say meanwhile what is still down."""
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            await self.tell()


@pytest.fixture
async def running(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("alerts"), signs=False) as running:
        yield running


async def play(sites: Sites, stack: Stack) -> None:
    """Half a minute: everything goes down, and the world does what it does."""
    await sites.break_down(*PLAIN, *FLAPS, *SILENCED, *STEADY)
    await sites.wait(3)
    now = datetime.now(UTC)
    await sites.alertmanager.mute("q.*", now, now + timedelta(minutes=5))
    await sites.mend(*SILENCED)
    await sites.mend(*PLAIN[:20])
    await sites.mend(*FLAPS)
    await sites.break_down(*FLAPS)
    stack.kill("worker")
    await sites.wait(3)
    await sites.mend(*FLAPS)
    await sites.alertmanager.stop()
    await sites.alertmanager.start()
    await sites.wait(3)
    stack.kill("worker")
    await sites.mend(*PLAIN[20:])
    await sites.wait(6)
    await sites.mend(*STEADY)


async def test_what_was_down_is_there_once_or_asks_and_no_end_is_invented(
    running: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    client = httpx.AsyncClient(
        base_url=f"{running.url}/api/v1",
        headers={"X-API-Key": KEY},
        timeout=30,
        trust_env=False,
    )
    async with client:
        source = await make_source_client(client, repeat_interval_seconds=4)
        folder = tmp_path_factory.mktemp("alertmanager")
        async with run_alertmanager(folder, source) as alertmanager:
            sites = Sites(alertmanager)
            await play(sites, running)
            found = await await_rest(source)
        check_episodes(sites, found)
        await check_outages(client, found)


async def await_rest(source: SourceClient) -> list[dict[str, Any]]:
    """Wait until nothing is open and every outage is as its episode says."""

    async def look() -> list[dict[str, Any]] | None:
        pages = [await source.list_episodes(page=str(page)) for page in (1, 2, 3)]
        found = [each for page in pages for each in page]
        return found if found and all(each["status"] != "open" for each in found) else None

    return await wait_until(look, "no episode is open", 60)


def check_episodes(sites: Sites, found: list[dict[str, Any]]) -> None:
    by_site: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in found:
        assert each["status"] in ("ended", "end_unknown"), each
        by_site[each["labels"]["site"]].append(each)
    for number, truth in sites.was_down.items():
        mine = by_site[name_site(number)]
        begins = [datetime.fromisoformat(each["began_at"]) for each in mine]
        assert len(set(begins)) == len(begins), mine
        ended = {
            (datetime.fromisoformat(each["began_at"]), datetime.fromisoformat(each["ended_at"]))
            for each in mine
            if each["status"] == "ended"
        }
        assert ended <= set(truth), "an end was invented"
        for times in truth:
            assert times in ended or any(asks_for(each, times[0]) for each in mine), (truth, mine)
    assert len(sites.was_down) == 100
    silenced = [by_site[name_site(number)] for number in SILENCED]
    assert {each["status"] for mine in silenced for each in mine} == {"end_unknown"}
    assert sum(each["status"] == "ended" for each in found) >= len(STEADY)


def asks_for(episode: dict[str, Any], start: datetime) -> bool:
    """
    Whether an episode asks a person about a time in which its alert was down. What went and came again
    between two messages is never sent: then the episode before it asks, with an end that is open.
    """
    began, before = episode["began_at"], episode["ended_before"]
    if episode["status"] != "end_unknown":
        return False
    is_before_next = before is None or start < datetime.fromisoformat(before)
    return datetime.fromisoformat(began) == start or (
        datetime.fromisoformat(began) < start and is_before_next
    )


async def check_outages(client: httpx.AsyncClient, found: list[dict[str, Any]]) -> None:
    """Every episode has its outage; one whose end is unknown is not judged."""
    for each in found:
        is_asking = each["status"] == "end_unknown"
        wanted = {"declared"} if is_asking else {"disputable", "settling"}

        async def look(id_: str = each["id"], wanted: set[str] = wanted) -> dict[str, Any] | None:
            answer = await client.get(f"/outages/{id_}")
            shown: dict[str, Any] = answer.json()
            is_so = answer.status_code == 200 and shown["lifecycle"] in wanted
            return shown if is_so else None

        outage = await wait_until(look, f"outage {each['id']} is {wanted}", 60)
        assert outage["detected_at"] == each["began_at"]
        assert outage["resolved_at"] == each["ended_at"]
