"""
Recovery: what is on record as unfinished, and so must have a workflow that runs.

The database is the truth; a workflow that was terminated, or forgotten with all others, is started again
from it.
"""

from dataclasses import dataclass

from domain.deliveries import Delivery
from domain.jobs.jobs import RunJobInput
from domain.settlement.batches import Batch
from domain.settlement.payments import Payment
from domain.sla.outages import Declaration


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    An outage, a payment, a batch, a delivery or a job that is not final, and its workflow. `subject` is what the
    workflow is started with, None for the one that forms batches; `version` is that of an outage on record. An outage
    `awaits_receipt` once its payment is made and it is not closed. What somebody has committed, and the workflow may
    not have heard of, is told by `due_signal`: that nothing stands in the way of a debt, or that a job is to end.
    """

    workflow_id: str
    outage_id: str
    correlation_id: str
    status: str
    subject: Declaration | Payment | Batch | Delivery | RunJobInput | None
    version: int | None = None
    awaits_receipt: bool = False
    due_signal: str = ""
    # Of a payment: what it is paid under, and its id, which its workflow does not name.
    agreement: str = ""
    key: str = ""
    summary: str = ""

    @property
    def id(self) -> str:
        """Return the id on record."""
        return self.key or self.workflow_id.partition("/")[2]


@dataclass(frozen=True, slots=True)
class ChangedOutage:
    """An outage that changed not long ago, and the version that its workflow must know."""

    outage_id: str
    version: int

    @property
    def workflow_id(self) -> str:
        return f"outage/{self.outage_id}"
