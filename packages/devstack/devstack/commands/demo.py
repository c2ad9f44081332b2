"""`apexchainx demo`: three outages, from declaration to payment on the chain, and the proof of each step."""

import asyncio
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from devstack.commands.up import DataDir, Port, listen
from devstack.demo import display
from devstack.demo.demo_stack import KEY, Home, find_home
from devstack.demo.outage_log import DemoOutage
from devstack.demo.scenarios import GREETING, LEGEND, SCENARIOS
from devstack.demo.subscriptions import subscribe_receiver
from devstack.demo.verification import (
    DemoProof,
    check_balanced,
    check_notified,
    check_settled,
    load_chains,
)
from devstack.demo.webhook_receiver import (
    DemoReceiver,
    Reception,
)
from devstack.processes.programs import CannotStart
from devstack.processes.supervisor import run_all_or_none
from devstack.replay.api_client import EngineClient, RequestRefused

PROOF_SECONDS = 20
INTERRUPTED = 130


@dataclass(frozen=True)
class Options:
    directory: Path
    port: int | None
    leave: bool
    seconds: int


def command(
    leave: Annotated[bool, typer.Option("--exit", help="Stop everything afterwards.")] = False,
    data_dir: DataDir = Path("var"),
    port: Port = None,
    time_limit: Annotated[int, typer.Option(min=1, help="In seconds, for all of it.")] = 120,
) -> None:
    """Everything runs on this machine; with --exit the exit code tells whether all of it was proven."""
    console = display.open_console(
        columns_known="COLUMNS" in os.environ,
        plain=not sys.stdout.isatty()
        or bool(os.environ.get("CI"))
        or os.environ.get("TERM") == "dumb",
    )
    options = Options(data_dir, port, leave, time_limit)
    try:
        code = asyncio.run(Demo(options, console).run())
    except RequestRefused as refusal:
        sentence = f"{refusal.question} was answered {refusal.status}: {refusal}"
        raise SystemExit(f"apexchainx: {sentence}") from None
    except (CannotStart, OSError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    raise SystemExit(code)


class Demo:
    """Starts or finds a stack, plays in it, shows what came of it, and leaves as it was asked to."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.console = console
        self.missing: list[str] | None = None

    async def run(self) -> int:
        stop_requested = listen()
        playing = asyncio.create_task(self._play())
        await asyncio.wait([playing, stop_requested], return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.wait([playing])
        if not playing.cancelled():
            playing.result()
        if self.missing is None:
            return INTERRUPTED
        return 1 if self.missing else 0

    def say(self, sentence: str) -> None:
        self.console.print(sentence, markup=False)

    async def _play(self) -> None:
        self.say(GREETING)
        deadline = asyncio.get_running_loop().time() + self.options.seconds
        async with (
            find_home(self.options.directory, self.options.port, self.say, deadline) as home,
            EngineClient(home.url, home.key) as engine,
            subscribe_receiver(engine, deadline) as receiver,
        ):
            await home.run(self._show(home, engine, receiver, deadline))

    async def _show(
        self, home: Home, engine: EngineClient, receiver: DemoReceiver, deadline: float
    ) -> None:
        demo_outages = await self._perform(engine, receiver, deadline)
        self._conclude(home, await self._prove(home, engine, demo_outages))
        if home.stack and not self.options.leave:
            receiver.on_reception = self._say_heard
            await asyncio.Event().wait()

    async def _perform(
        self, engine: EngineClient, receiver: DemoReceiver, deadline: float
    ) -> list[DemoOutage]:
        log, token = display.StepLog(self.console), secrets.token_hex(3)
        demo_outages = [
            DemoOutage(each, f"{each.name}-{token}", receiver, log.note) for each in SCENARIOS
        ]
        with suppress(TimeoutError), display.show_board(self.console, demo_outages):
            async with asyncio.timeout_at(deadline), run_all_or_none() as group:
                group.create_task(load_chains())
                for demo_outage in demo_outages:
                    group.create_task(demo_outage.unfold(engine))
        return demo_outages

    async def _prove(
        self, home: Home, engine: EngineClient, demo_outages: list[DemoOutage]
    ) -> list[DemoProof]:
        proofs: list[DemoProof] = []
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                for demo_outage in demo_outages:
                    found = [
                        await check_settled(engine, demo_outage, home.environment),
                        check_notified(demo_outage),
                    ]
                    display.print_demo_outage(self.console, demo_outage, found)
                    proofs += found
                proofs.append(await check_balanced(engine))
        except TimeoutError:
            proofs.append(DemoProof(False, "the API no longer answers"))
        return proofs

    def _conclude(self, home: Home, proofs: list[DemoProof]) -> None:
        self.console.print()
        self.say(LEGEND)
        display.print_proof(self.console, proofs[-1])
        self.missing = [each.sentence for each in proofs if not each.holds]
        if self.missing:
            self.say(f"Not everything was proven: {'; '.join(self.missing)}.")
        else:
            self.say("All three outages are settled, and every claim above was checked.")
        if self.options.leave and home.stack:
            return self.say("Stopping everything that the demo started.")
        display.print_places(self.console, self._places(home))
        if home.stack:
            self.say("Everything keeps running, the webhook receiver too. Ctrl-C stops it.")
        else:
            self.say("Everything keeps running where it was started; only the receiver stops.")

    def _places(self, home: Home) -> dict[str, str]:
        found = {"API, to try out": f"{home.url}/docs"}
        if home.workflows_url:
            found["Every outage's workflow"] = home.workflows_url
        key = self.options.directory / "api-key"
        kept = key.exists() and key.read_text().strip() == home.key
        found["API key"] = f"in the file {key}" if kept else f"the value of {KEY}"
        return found

    def _say_heard(self, reception: Reception) -> None:
        genuine = "signature verified" if reception.verified else "signature WRONG"
        at, event = display.format_clock(reception.at), reception.event or "a webhook"
        self.say(f"{at}  {reception.outage_id}  {event} came in; {genuine}")
