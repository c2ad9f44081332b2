"""
docs/api/: one request of each route and its answer. `make api-examples` writes the pages anew, from a stack of its own.

A new route: ask it in one of the modules beside this one. The pages are what was answered, with ids, addresses
and times put in one form, and lists cut to their first entry.
"""

import asyncio
import json
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from devstack.environment.stack import Stack
from tests.docs.examples import (
    access_examples,
    export_examples,
    import_examples,
    intake_examples,
    job_examples,
    money_examples,
    sla_examples,
)
from tests.docs.examples.example_recorder import Example, ExampleRecorder
from tests.testkit.access.second_person import open_second_person
from tests.testkit.stacks import Stacks

FOLDER = Path(__file__).parents[3] / "docs" / "api"
KEY = "key-of-the-examples-of-the-api-0001"
# Above which a payment waits for an approval: the one of the examples does.
SETTINGS = {"SETTLEMENT_APPROVAL_ABOVE": "500"}
_EXAMPLE = re.compile(
    r"^### `(?P<route>[A-Z]+ [^`]+)`\n\n```http\n(?P<asked>.*?)```\n\n(?P<status>\d{3})\n"
    r"(?:\n```(?P<kind>json)?\n(?P<answer>.*?)\n```\n)?",
    re.MULTILINE | re.DOTALL,
)


async def play(stack: Stack, key: str) -> dict[str, list[Example]]:
    """Ask every route, and return the examples by the name of their page."""
    pages: dict[str, list[Example]] = {}
    async with AsyncExitStack() as opened:
        base = {"base_url": f"{stack.url}/api/v1", "timeout": 60, "trust_env": False}
        admin = httpx.AsyncClient(headers={"X-API-Key": key}, **base)  # type: ignore[arg-type]
        anybody = httpx.AsyncClient(**base)  # type: ignore[arg-type]
        finance = await open_second_person(admin, "finance")
        decider = await open_second_person(admin)
        other = await open_second_person(admin, "admin")
        for client in (admin, anybody, finance, decider, other):
            opened.push_async_callback(client.aclose)
        sla, money, access = sla_examples, money_examples, access_examples
        shown: dict[str, Callable[[ExampleRecorder], Awaitable[None]]] = {
            "policies": lambda each: sla.show_policies(each, admin),
            "outages": lambda each: sla.show_outages(each, admin),
            "disputes": lambda each: sla.show_disputes(each, admin, decider),
            "reversals": lambda each: sla.show_reversals(each, admin, other),
            "agreements": lambda each: sla.show_agreements(each, admin, stack),
            "payments": lambda each: money.show_payments(each, admin, finance, stack),
            "wallets": lambda each: money.show_wallets(each, admin, stack),
            "reconciliation": lambda each: money.show_reconciliation(each, admin, stack),
            "audit": lambda each: sla.show_audit(each, admin),
            "exports": lambda each: export_examples.show_exports(each, admin),
            "webhooks": lambda each: sla.show_webhooks(each, admin),
            "imports": lambda each: import_examples.show_imports(each, admin),
            "jobs": lambda each: job_examples.show_jobs(each, admin, stack),
            "intake": lambda each: intake_examples.show_intake(each, admin),
            "sessions": lambda each: access.show_sessions(each, admin, anybody),
            "people": lambda each: access.show_people(each, admin),
            "health": lambda each: access.show_health(each, anybody),
        }
        known: set[str] = set()
        for name, show in shown.items():
            recorder = ExampleRecorder()
            await show(recorder)
            pages[name] = [each for each in recorder.examples.values() if each.route not in known]
            known |= recorder.examples.keys()
    return pages


def read_pages() -> dict[str, tuple[int, object]]:
    """Return the status and the answer of each route, as the pages show them."""
    found: dict[str, tuple[int, object]] = {}
    for page in sorted(FOLDER.glob("*.md")):
        for each in _EXAMPLE.finditer(page.read_text()):
            answer = each["answer"]
            shown = json.loads(answer) if each["kind"] else answer
            found[each["route"]] = int(each["status"]), shown
    return found


def render_page(name: str, examples: list[Example]) -> str:
    head = (
        f"# Examples: {name}\n\nEach was asked and answered so by a test; [api.md](../api.md) says what "
        "each route does. Written by `make api-examples`.\n\n"
    )
    return head + "\n".join(example.render() for example in examples).rstrip() + "\n"


async def write() -> None:
    os.environ |= {"BOOTSTRAP_API_KEY": KEY, "JWT_SECRET_KEY": f"{KEY}-of-sessions"}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        os.chmod(made, 0o755)
        (made / "cluster").mkdir()
        async with Stacks(made / "cluster").start(made / "stack", settings=SETTINGS) as stack:
            for name, examples in (await play(stack, KEY)).items():
                (FOLDER / f"{name}.md").write_text(render_page(name, examples))


if __name__ == "__main__":
    asyncio.run(write())
