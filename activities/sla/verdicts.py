"""What the activities that give an outage its verdict have in common."""

from adapters.postgres.database import Database


class JudgingActivities:
    """Activities that judge outages, on one network of the chain."""

    def __init__(
        self,
        database: Database,
        network: str,
        passphrase: str = "",
        *,
        requires_attestation: bool = False,
    ) -> None:
        """Without a passphrase, the network is known by its name alone."""
        self.database = database
        self.network = network
        self.passphrase = passphrase or network
        # Verdicts wait for the SLA contract's confirmation.
        self.requires_attestation = requires_attestation
