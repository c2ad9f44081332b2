"""The console in a real browser: nothing is complained of, nothing is wider than a phone, all is reached by the keyboard."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.conftest import KEY
from tests.testkit.access.browser import PASSWORD, add_person
from tests.testkit.api_client import AT_ONCE, TERMS, declare_outage, resolve_outage, settle_outage
from tests.testkit.console.chromium import (
    PHONE,
    SCREEN,
    ChromiumPage,
    find_chromium,
    open_chromium,
)
from tests.testkit.console.console_rules import list_pages
from tests.testkit.sla.alert_factory import make_alert
from tests.testkit.sla.source_client import format_minutes_ago, make_source_client
from tests.testkit.stacks import Stacks

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# Named, the pictures of the documents are taken anew.
WRITES = "WRITE_SCREENSHOTS" in os.environ
BYTES_MAX = 150_000
CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium, on the PATH or named by CHROMIUM"
)
WIDER = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !e.closest('.skip')
 && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className).slice(0, 5)"""
HERE = "document.activeElement.id || document.activeElement.textContent.trim() || document.activeElement.name"


@pytest.fixture(scope="module")
async def running(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("console")) as started:
        yield started


@pytest.fixture(scope="module")
async def shown(running: Stack) -> dict[str, str]:
    """Outages in several states, something that needs a person, and an admin; return what the pages need."""
    found: dict[str, str] = {}
    base: dict[str, Any] = {"base_url": f"{running.url}/api/v1", "timeout": 60, "trust_env": False}
    async with httpx.AsyncClient(headers={"X-API-Key": KEY}, **base) as api:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "terms": TERMS}
        assert (await api.post("/sla/policies", json=policy)).status_code == 201
        recent = {"detected_at": format_minutes_ago(55).isoformat()}
        for number, severity in enumerate(("critical", "high", "medium")):
            await declare_outage(api, site_name=f"Tower {number}", severity=severity, **recent)
        settled = await settle_outage(api, site_name="Mast 12 of the northern ring")
        disputed = await declare_outage(api, site_name="Harbour", description="Fibre cut at km 4")
        await resolve_outage(api, disputed)
        said = {"outage_id": disputed, "reason": "The line was back after 20 minutes."}
        assert (await api.post("/sla/disputes", json=said)).status_code == 201
        source, start = await make_source_client(api), format_minutes_ago(40)
        await source.hear(make_alert("tower-7", start), make_alert("tower-8", start))
        await source.hear(make_alert("tower-8", start))
        found |= {"outage_id": disputed, "settled": settled["id"]}
    database = Database(running.environment["DATABASE_URL"], connections_max=1)
    found["email"] = (await add_person(database, Role.ADMIN, "ada@example.com")).email
    await database.close()
    return found


@pytest.fixture(scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChromiumPage]:
    assert CHROMIUM is not None
    async with open_chromium(CHROMIUM, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


async def move_to(page: ChromiumPage, wanted: str, most: int = 60) -> list[str]:
    """Press Tab until something has the focus; return what had it on the way."""
    seen: list[str] = []
    while (here := await page.evaluate(HERE)) != wanted:
        seen.append(here)
        assert len(seen) < most, f"{wanted} is not reached: {seen}"
        await page.press("Tab")
    return seen


async def log_in(page: ChromiumPage, running: Stack, email: str, path: str) -> None:
    """By the keyboard alone."""
    await page.open(f"{running.url}{path}")
    if await page.evaluate("document.title") != "Log in – ApexChainx":
        return
    await move_to(page, "email")
    await page.type_text(email)
    await move_to(page, "password")
    await page.type_text(PASSWORD)
    await page.press("Enter", leads_on=True)


async def check_width(page: ChromiumPage, where: str) -> None:
    assert await page.evaluate(WIDER) == [], where
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert await page.evaluate(wide), where


async def take_pictures(page: ChromiumPage, name: str, tmp_path: Path) -> None:
    folder = IMAGES if WRITES else tmp_path
    size = await page.take_picture(folder / f"{name}.png")
    assert 5_000 < size < BYTES_MAX, (name, size)


async def test_every_page_is_shown_whole_on_a_screen_and_on_a_phone(
    page: ChromiumPage, running: Stack, shown: dict[str, str], tmp_path: Path
) -> None:
    if WRITES:
        IMAGES.mkdir(exist_ok=True)
    await log_in(page, running, shown["email"], "/console")
    for path in [*list_pages(), "/console/nothing"]:
        url = running.url + path.replace("{outage_id}", shown["outage_id"])
        name = path.removeprefix("/console").strip("/").partition("/{")[0] or "overview"
        name = "outage" if "{" in path else name
        for size in (PHONE, SCREEN):
            await page.show_on(size)
            await page.open(url)
            assert await page.evaluate("document.querySelectorAll('h1').length") == 1, path
            await check_width(page, path)
            if size == SCREEN and name != "nothing":
                await take_pictures(page, f"console-{name}", tmp_path)
    await page.show_on(PHONE, dark=True)
    await page.open(f"{running.url}/console")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await check_width(page, "in the dark")
    await take_pictures(page, "console-phone", tmp_path)
    await page.show_on(SCREEN)
    await page.open(f"{running.url}/console")
    assert dark != await page.evaluate("getComputedStyle(document.body).backgroundColor")
    # The address that is not there is the one thing that a browser may remark on.
    assert [each for each in page.complaints if "/console/nothing" not in each] == []
    # What data: says is in the page, or of the browser itself.
    elsewhere = [each for each in page.requests if not each.startswith((running.url, "data:"))]
    assert set(elsewhere) <= {"about:blank"}


async def test_whoever_has_no_mouse_and_no_script_decides_a_dispute(
    page: ChromiumPage, running: Stack, shown: dict[str, str]
) -> None:
    await log_in(page, running, shown["email"], f"/console/outages/{shown['settled']}")
    await page.call("Emulation.setScriptExecutionDisabled", value=True)
    await page.open(f"{running.url}/console/outages/{shown['settled']}")
    await page.press("Tab")
    assert await page.evaluate(HERE) == "Skip to the content"
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    await page.press("Enter")
    assert await page.evaluate("location.hash") == "#main"
    await page.open(f"{running.url}/console/outages/{shown['settled']}")
    seen = await move_to(page, "Correct or assign")
    names = ["Overview", "Outages", "Needs a person", "Analytics", "Jobs", "Sources", "Log out"]
    assert [each for each in seen if each in names] == names, "in the order that they are read"
    await page.press("Enter")
    await move_to(page, "amend-assigned_to")
    await page.type_text("night shift")
    await move_to(page, "Save")
    await page.press("Enter", leads_on=True)
    assert "The outage is corrected." in await page.evaluate("document.body.innerText")
    assert "night shift" in await page.evaluate("document.body.innerText")
    await page.call("Emulation.setScriptExecutionDisabled", value=False)
