"""What a dispute asks of the outside world. Its life is part of its outage's: see outages.py."""

from abc import ABC, abstractmethod

from temporalio import activity

from domain.disputes import Deciding, Filed, Filing
from domain.outages import Judgement


class DisputeSteps(ABC):
    """activities/disputes.py does it."""

    @activity.defn
    @abstractmethod
    async def file_dispute(self, filing: Filing) -> Filed:
        """Record an objection to the verdict; the money is held from now on."""

    @activity.defn
    @abstractmethod
    async def decide_dispute(self, deciding: Deciding) -> Judgement:
        """Record the ruling, and the new verdict if it changes anything."""
