"""Examples of the API: one request of each route and what it was answered, as docs/api/ shows them."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

LIST_MAX = 1
TEXT_MAX = 120
# What differs from run to run, and what stands for it in the documents.
_DRAWN = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "2026-01-31T12:00:00Z"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b(?!T)"), "2026-01-31"),
    (re.compile(r"\b[GC][A-Z2-7]{55}\b"), lambda found: f"{found[0][0]}{'A' * 55}"),
    (re.compile(r"\bS[A-Z2-7]{55}\b"), "S..."),
    (re.compile(r"\b([a-z]{2,5})_(?=[^ ]*\d)[0-9a-zA-Z_-]{10,}\b"), r"\1_0123456789ab"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJ..."),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "0123456789abcdef0123456789abcdef"),
    (
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b"),
        "01234567-89ab-cdef-0123-456789abcdef",
    ),
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+"), r"\1:8000"),
    (re.compile(r"-[0-9a-f]{12}\b"), "-0123456789ab"),
)
_SECRETS = {
    "refresh_token",
    "secret",
    "secret_seed",
    "key",
    "transaction_xdr",
    "x",
    "signing_secret",
}


@dataclass(frozen=True)
class Example:
    route: str
    asked: str
    body: Any
    status: int
    answer: Any

    def render(self) -> str:
        """As Markdown."""
        lines = [f"### `{self.route}`", "", "```http", self.asked]
        if self.body is not None:
            is_text = isinstance(self.body, str)
            shown = self.body if is_text else json.dumps(self.body, indent=2, ensure_ascii=False)
            lines += ["", shown]
        lines += ["```", "", f"{self.status}", ""]
        if self.answer is not None:
            is_text = isinstance(self.answer, str)
            shown = (
                self.answer if is_text else json.dumps(self.answer, indent=2, ensure_ascii=False)
            )
            lines += ["```" if is_text else "```json", shown, "```", ""]
        return "\n".join(lines)


@dataclass
class ExampleRecorder:
    """Asks, and remembers the first example of each route."""

    prefix: str = "/api/v1"
    examples: dict[str, Example] = field(default_factory=dict)

    async def ask(
        self,
        client: httpx.AsyncClient,
        route: str,
        body: Any = None,
        *,
        params: dict[str, Any] | None = None,
        files: Any = None,
        status: int | None = None,
        **names: str,
    ) -> Any:
        """Ask a route, such as `GET /outages/{outage_id}`; fail unless it succeeds, or answers `status`."""
        method, template = route.split(" ")
        path = template.format(**names)
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = await client.request(method, path, params=params, files=files, **sent)
        wanted = answer.is_success if status is None else answer.status_code == status
        assert wanted, f"{route}: {answer.status_code} {answer.text}"
        # Of JSON lines each is a document of its own.
        is_json = re.search(r"json\b", answer.headers.get("content-type", "")) is not None
        found = answer.json() if is_json and answer.content else answer.text
        asked = f"{path}?{httpx.QueryParams(params)}" if params else path
        shown = (found or None) if is_json else cut_text(found) or None
        self._keep(route, asked, body, answer.status_code, shown)
        return found

    async def listen(self, client: httpx.AsyncClient, route: str) -> None:
        """Ask a route whose answer has no end, and remember its first event."""
        method, path = route.split(" ")
        async with client.stream(method, path) as answer:
            assert answer.is_success, f"{route}: {answer.status_code}"
            lines = [line async for line in _read_event(answer)]
        self._keep(route, path, None, answer.status_code, "\n".join(lines))

    def _keep(self, route: str, asked: str, body: Any, status: int, shown: Any) -> None:
        method = route.partition(" ")[0]
        made = normalize(f"{method} {self.prefix}{asked}"), normalize(body), status
        self.examples.setdefault(route, Example(route, *made, normalize(shown)))


async def _read_event(answer: httpx.Response) -> AsyncIterator[str]:
    """Yield the lines of the first event of a stream."""
    async for line in answer.aiter_lines():
        if not line:
            return
        yield line


def cut_text(text: str) -> str:
    return "\n".join(line[:TEXT_MAX] for line in text.splitlines()[:3])


def normalize(value: Any) -> Any:
    """Put what stands for it in the place of whatever is drawn anew in each run, and cut what is long."""
    if isinstance(value, dict):
        return {
            key: "..." if key in _SECRETS and each else normalize(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [normalize(each) for each in value[:LIST_MAX]]
    if isinstance(value, str):
        for pattern, stand_in in _DRAWN:
            value = pattern.sub(stand_in, value)
        return value if len(value) <= TEXT_MAX or "\n" in value else f"{value[:TEXT_MAX]}..."
    return value


def describe_shape(value: Any) -> Any:
    """Return the names of the fields, and nothing of what is in them."""
    if isinstance(value, dict):
        return {key: describe_shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [describe_shape(each) for each in value[:LIST_MAX]]
    return None
