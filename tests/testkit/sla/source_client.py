"""Sources of the running product: name one, send as it, and look at what became of that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.testkit.api_client import wait_until
from tests.testkit.sla.alert_factory import MAPPING_BODY, make_alert_message


def format_minutes_ago(minutes: float) -> datetime:
    """Return an instant so many minutes ago, to the second."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)


@dataclass
class SourceClient:
    """`api` is an admin, `name` a source with a token."""

    api: httpx.AsyncClient
    name: str
    token: str
    kind: str

    async def send(self, content: bytes | dict[str, Any], **changes: Any) -> httpx.Response:
        """Send as the source, and as nobody else."""
        sent = {"json": content} if isinstance(content, dict) else {"content": content}
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers = bearer | changes.pop("headers", {})
        base = str(self.api.base_url)
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as client:
            path = f"/intake/{self.kind}/{self.name}"
            return await client.post(path, headers=headers, **sent, **changes)

    async def hear(self, *alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Send a message of Alertmanager, which is taken."""
        answer = await self.send(make_alert_message(*alerts, **changes))
        assert answer.status_code == 200, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def list_episodes(self, **params: str) -> list[dict[str, Any]]:
        wanted = {"source": self.name, "page_size": "200"} | params
        answer = await self.api.get("/intake/episodes", params=wanted)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    async def find_episode(self) -> dict[str, Any]:
        (found,) = await self.list_episodes()
        return found

    async def await_outage(self, episode_id: str, **wanted: Any) -> dict[str, Any]:
        """Wait until the outage of an episode is so."""

        async def look() -> dict[str, Any] | None:
            answer = await self.api.get(f"/outages/{episode_id}")
            shown: dict[str, Any] = answer.json()
            return shown if answer.status_code == 200 and wanted.items() <= shown.items() else None

        return await wait_until(look, f"outage {episode_id} is {wanted}")

    async def await_episode(self, episode_id: str, **wanted: Any) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await self.api.get(f"/intake/episodes/{episode_id}")).json()
            return shown if wanted.items() <= shown.items() else None

        return await wait_until(look, f"episode {episode_id} is {wanted}")


async def make_source_client(
    api: httpx.AsyncClient, kind: str = "alertmanager", **changes: Any
) -> SourceClient:
    body = {"name": f"src-{uuid4().hex[:12]}", "kind": kind, "mapping": MAPPING_BODY} | changes
    answer = await api.post("/intake/sources", json=body)
    assert answer.status_code == 201, answer.text
    return SourceClient(api, body["name"], answer.json()["token"] or "", kind)
