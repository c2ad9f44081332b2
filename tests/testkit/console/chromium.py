"""A headless Chromium that is let nowhere but to this machine, driven by its DevTools protocol."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless=new", "--no-first-run", "--no-default-browser-check", "--no-sandbox"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--disable-default-apps", "--metrics-recording-only"),
    *("--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio"),
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    "--remote-debugging-port=0",
)
# On a busy machine.
START_SECONDS, CALL_SECONDS = 90, 60
SCREEN, PHONE = (1100, 760), (390, 844)
KEYS = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    " ": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


def find_chromium() -> str | None:
    """Return the browser that CHROMIUM names, or one of the usual names; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class ChromiumPage:
    """One page: where it was led, what it asked for, and what it complained of."""

    socket: aiohttp.ClientWebSocketResponse
    session_id: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=count)
    answers: dict[int, "asyncio.Future[Any]"] = field(default_factory=dict)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                waiting = self.answers.pop(said["id"])
                if not waiting.done():
                    waiting.set_result(said)
            else:
                self._note(said["method"], said.get("params", {}))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loaded.set()
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if method == "Log.entryAdded":
            entry = params["entry"]
            self.complaints.append(f"{entry['level']}: {entry['text']} ({entry.get('url')})")
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Audits.issueAdded"):
            self.complaints.append(json.dumps(params)[:500])

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        said: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session_id:
            said["sessionId"] = self.session_id
        await self.socket.send_json(said)
        answer = await asyncio.wait_for(self.answers[number], CALL_SECONDS)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def attach(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self.session_id = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            await self.call(f"{domain}.enable")
        await self.show_on(SCREEN)

    async def show_on(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Give the page the size of a screen, or of a phone, in light or dark."""
        width, height = size
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def open(self, url: str) -> None:
        self.loaded.clear()
        await self.call("Page.navigate", url=url)
        await asyncio.wait_for(self.loaded.wait(), CALL_SECONDS)

    async def press(self, key: str, *, leads_on: bool = False) -> None:
        """Press a key; one that leads on is waited for until the next page is there."""
        self.loaded.clear()
        await self.call("Input.dispatchKeyEvent", type="keyDown", **KEYS[key])
        await self.call("Input.dispatchKeyEvent", type="keyUp", **KEYS[key])
        if leads_on:
            await asyncio.wait_for(self.loaded.wait(), CALL_SECONDS)

    async def type_text(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def evaluate(self, expression: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def take_picture(self, path: Path) -> int:
        """Save what is seen as a PNG, and return its size."""
        answer = await self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        content = base64.b64decode(answer["data"])
        await asyncio.to_thread(path.write_bytes, content)
        return len(content)


@asynccontextmanager
async def open_chromium(executable: str, folder: Path) -> AsyncIterator[ChromiumPage]:
    """Run the browser until the block ends, with a profile of its own."""
    profile, log = folder / "profile", folder / "chromium.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
            stdout=output,
            stderr=output,
        )
    try:
        address = await _find_address(process, profile / "DevToolsActivePort", log)
        async with (
            aiohttp.ClientSession(trust_env=False) as client,
            client.ws_connect(address, max_msg_size=0) as socket,
        ):
            page = ChromiumPage(socket)
            listening = asyncio.create_task(page.listen())
            try:
                await page.attach()
                yield page
            finally:
                listening.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _find_address(process: asyncio.subprocess.Process, file: Path, log: Path) -> str:
    """Wait until the browser has written where it listens."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.returncode is None, _read(log)[-2000:]
            lines = _read(file).split()
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.1)


def _read(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""
