"""How a dispute is shown."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.sla.disputes import DisputeStatus


class DisputeView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    outage_id: str
    revision: int
    status: DisputeStatus
    reason: str
    filed_by: str
    created_at: datetime
    decision_deadline: datetime
    reviewed_by: str | None
    review_began_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    resolution_note: str | None
