"""Agreements: who pays whom, and which accounts may not be a payee or a treasury."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from domain.errors import Conflict
from domain.sla.agreements.parties import DEFAULT_BENEFICIARY, DEFAULT_PROVIDER


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    Who pays whom: a penalty goes from the bond to the beneficiary, a reward from the sponsor
    pool to the provider. All four are Stellar accounts (G...), of these two parties.
    """

    name: str
    bond: str
    pool: str
    provider: str
    beneficiary: str
    provider_party: str = DEFAULT_PROVIDER
    beneficiary_party: str = DEFAULT_BENEFICIARY

    @property
    def treasuries(self) -> dict[str, str]:
        """The accounts that pay, by role."""
        return {"bond": self.bond, "pool": self.pool}


def check_payees(wanted: Agreement, treasuries: Collection[str]) -> None:
    """Refuse a payee that is a treasury: the transfer would be confirmed, and nobody would be paid."""
    for role in ("provider", "beneficiary"):
        check_payee(role, getattr(wanted, role), {*treasuries, wanted.bond, wanted.pool})


def check_unpaid(treasuries: Mapping[str, str], payees: Collection[str]) -> None:
    """Refuse a treasury, by its role, that an agreement pays."""
    for role, address in treasuries.items():
        if address in payees:
            raise Conflict(
                f"{address} cannot be the {role}: it is an account that an agreement pays, so that the transfer "
                "would be confirmed and nobody would be paid; name an account that only this engine pays from"
            )


def check_payee(role: str, address: str, treasuries: Collection[str]) -> None:
    if address in treasuries:
        raise Conflict(
            f"{address} cannot be paid as {role}: it is a treasury of an agreement, so that nobody would "
            "get the money; name an account of the party itself"
        )
