"""Record that a workflow which somebody or something had ended was started again from the database."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from domain.audit import make_audit_entry, make_engine_request
from domain.recovery.unfinished import Unfinished


@dataclass(frozen=True, slots=True)
class RecordRestart:
    """`run_id` names the run that was started, `ended` how the last one ended: "missing" if it is not known."""

    unfinished: Unfinished
    run_id: str
    ended: str
    at: datetime


async def record_restart(database: Database, command: RecordRestart) -> None:
    lost = command.unfinished
    subject = f"outage/{lost.outage_id}" if lost.outage_id else lost.workflow_id
    payload = {
        "workflow_id": lost.workflow_id,
        "run_id": command.run_id,
        "ended": command.ended,
        "status": lost.status,
    }
    async with database.transaction() as connection:
        await events.publish(
            connection,
            make_audit_entry(
                subject,
                "workflow.restarted",
                make_engine_request(lost.correlation_id),
                command.at,
                payload,
                command.run_id,
            ),
        )
