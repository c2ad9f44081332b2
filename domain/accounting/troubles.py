"""
Troubles: what keeps money from moving, or from being recorded, until somebody acts.

Serving and settling are told apart: with any of these, requests are served. Programs go by the code,
which anybody may see; the sentence is for those who may act.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.sla.agreements.treasuries import TreasuryRecord

# The settlement worker reports every few seconds, and reconciliation reads the chain as often.
SILENT_AFTER = timedelta(seconds=60)
UNREAD_AFTER = timedelta(minutes=5)
# The relay compares all that is unfinished with its workflows twice a minute.
UNATTENDED_AFTER = timedelta(seconds=60)
# A payment has a channel for some ledgers; one whose bytes expired is signed for again after two minutes or so.
DELAYED_AFTER = timedelta(minutes=10)


class TroubleCode(StrEnum):
    # Seen by the settlement worker.
    CHANNELS_MISSING = "channels_missing"
    FEES_MISSING = "fees_missing"
    FEES_SHORT = "fees_short"
    ACCOUNT_FROZEN = "account_frozen"
    ASSET_MISSING = "asset_missing"
    TREASURY_MISSING = "treasury_missing"
    TREASURY_NO_TRUSTLINE = "treasury_no_trustline"
    TREASURY_NOT_AUTHORIZED = "treasury_not_authorized"
    TREASURY_SHORT = "treasury_short"
    TREASURY_KEY_MISSING = "treasury_key_missing"
    COMMITS_NOT_DURABLE = "commits_not_durable"
    CLAIM_UNCONFIRMED = "claim_unconfirmed"
    CHANNEL_AHEAD = "channel_ahead"
    CHANNEL_DISPUTED = "channel_disputed"
    CLOCK_DIFFERS = "clock_differs"
    # Read in the database.
    CIRCUIT_BREAKER_OPEN = "circuit_breaker_open"
    BREAKS_OPEN = "breaks_open"
    PAYMENTS_BLOCKED = "payments_blocked"
    PAYMENTS_QUARANTINED = "payments_quarantined"
    PAYMENTS_DELAYED = "payments_delayed"
    CHAIN_UNREAD = "chain_unread"
    SETTLEMENT_WORKER_SILENT = "settlement_worker_silent"
    WORKFLOWS_MISSING = "workflows_missing"
    # Of the database itself.
    DATABASE_READ_ONLY = "database_read_only"
    WRITES_FAILING = "writes_failing"


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    `since` is None until it is on record; `count` is how many there are of what the code names, and
    `missing_stroops` how much is lacking, of USDC or, for the account of the fees, of XLM.
    """

    code: TroubleCode
    sentence: str
    subject: str = ""
    since: datetime | None = None
    count: int | None = None
    missing_stroops: int | None = None

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class TreasuryStanding:
    """A treasury with what keeps it from paying, as the settlement worker saw it last, and what left it on a day."""

    treasury: TreasuryRecord
    troubles: Sequence[Trouble]
    spent_stroops: int

    @property
    def missing_since(self) -> datetime | None:
        """When the worker first saw that the balance is too small; None while it has not."""
        short = [each for each in self.troubles if each.code is TroubleCode.TREASURY_SHORT]
        return short[0].since if short and self.treasury.missing_stroops else None
