"""What the activities that give an outage its verdict have in common."""

from adapters.postgres.database import Database


class JudgingActivities:
    """Activities that judge outages, on one network of the chain."""

    def __init__(
        self, database: Database, network: str, *, requires_attestation: bool = False
    ) -> None:
        self.database = database
        self.network = network
        # Verdicts wait for the SLA contract's confirmation.
        self.requires_attestation = requires_attestation
