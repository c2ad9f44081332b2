"""What an episode asks of the workflow of its outage, as the API asks it: declare, resolve, reopen, cancel."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client

from adapters.postgres.database import Database
from domain.sla.intake.episodes import Episode, EpisodeStatus
from domain.sla.outage_rules import check_outage, check_resolution
from domain.sla.outages import (
    Cancellation,
    ReopenOutageInput,
    ReopenRequest,
)
from services.sla.agreements.read_bindings import read_bindings
from services.sla.outages.read_answer import read_resolution
from services.sla.outages.read_reversal import read_reopening
from workflows.outages import OutageWorkflow
from workflows.sla.outage_starts import ANSWER_WITHIN, declare_outage

_WHY_REOPENED = {
    EpisodeStatus.DISMISSED: "its alert was dismissed: it was no outage",
    EpisodeStatus.ENDED: "its alert has another end than the one that was sent before",
}


@dataclass(frozen=True, slots=True)
class OutageRequests:
    """Each may be asked again: what has been done is not done twice."""

    database: Database
    client: Client
    network: str

    async def declare(self, episode: Episode) -> None:
        """Refuse before anything begins: a workflow that refuses has already been started."""
        declaration = episode.get_declaration()
        outage, now = declaration.outage, datetime.now(UTC)
        check_outage(outage, now)
        if episode.ended_at is not None:
            check_resolution(outage, episode.get_resolution(), now)
        await read_bindings(self.database, declaration)
        await declare_outage(self.client, declaration)

    async def resolve(self, episode: Episode) -> None:
        key, now = episode.get_resolution_key(), datetime.now(UTC)
        done = await read_resolution(self.database, episode.id, key, self.network, now)
        if done is None:
            await self._update(episode.id, OutageWorkflow.resolve, episode.get_resolution(), key)

    async def reopen(self, episode: Episode) -> None:
        reopening = _make_reopening(episode)
        if await read_reopening(self.database, reopening) is None:
            await self._update(episode.id, OutageWorkflow.reopen, reopening.asked, reopening.key)

    async def cancel(self, episode: Episode) -> None:
        cancellation = Cancellation(
            episode.get_request(), (episode.note or "").strip()[:300] or "no outage"
        )
        key = f"intake-{episode.id}-dismissed"
        await self._update(episode.id, OutageWorkflow.cancel, cancellation, key)

    async def _update(self, outage_id: str, update: Any, message: Any, key: str) -> None:
        handle: Any = self.client.get_workflow_handle(f"outage/{outage_id}")
        await handle.execute_update(update, message, id=key, rpc_timeout=ANSWER_WITHIN)


def _make_reopening(episode: Episode) -> ReopenOutageInput:
    why = _WHY_REOPENED.get(episode.status, "the same alert fires again from the same beginning")
    asked = ReopenRequest(episode.get_request(), why)
    return ReopenOutageInput(episode.id, asked, episode.get_reopening_key(), datetime.now(UTC))
