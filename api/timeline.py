"""The story of one outage, gathered from the audit trail and what the receivers answered."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import audit, webhooks


async def timeline(connection: AsyncConnection, outage_id: str) -> list[dict[str, Any]]:
    """
    Return one entry per audit leaf and per webhook delivery, in order of time.

    A leaf's entry carries all that is hashed, and the hash: anyone can compute it again (docs/audit.md).
    """
    items = [_shown(leaf) for leaf in await audit.trail(connection, f"outage/{outage_id}")]
    for delivery in await webhooks.of_outage(connection, outage_id):
        at = delivery["delivered_at"] or delivery["created_at"]
        items.append(
            {
                "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "step": f"webhook.{delivery['status']}",
                "actor": "engine",
                "correlation_id": "",
                "evidence": {
                    "delivery_id": delivery["id"],
                    "event_id": delivery["event_id"],
                    "event": delivery["type"],
                    "url": delivery["url"],
                    "attempts": delivery["attempts"],
                    "response_code": delivery["response_code"],
                },
                "subject": None,
                "leaf_id": None,
                "leaf_hash": None,
            }
        )
    return sorted(items, key=lambda item: str(item["at"]))


def _shown(leaf: dict[str, Any]) -> dict[str, Any]:
    same = ("at", "actor", "correlation_id", "evidence", "subject")
    named = {"step": leaf["action"], "leaf_id": leaf["id"], "leaf_hash": leaf["hash"]}
    return {name: leaf[name] for name in same} | named
