"""Parties: who is bound by agreements, by the code that the caller knows them by."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# The parties of the agreement that the settings describe.
DEFAULT_PROVIDER, DEFAULT_BENEFICIARY = "provider", "customer"


class PartyKind(StrEnum):
    PROVIDER = "provider"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Party:
    """A provider or a customer."""

    id: str
    name: str
    kind: PartyKind
    created_by: str
    created_at: datetime
