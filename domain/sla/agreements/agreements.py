"""Agreements: who pays whom, and which accounts may not be a payee or a treasury."""

from collections.abc import Collection
from dataclasses import dataclass

from domain.errors import Conflict, Invalid
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


def check_treasuries(wanted: Agreement, signed_for: Agreement) -> None:
    """Refuse treasuries that nobody here can pay from."""
    for role in ("bond", "pool"):
        said, known = getattr(wanted, role), getattr(signed_for, role)
        if said != known:
            raise Invalid(
                role,
                f"is {said}, and this engine signs for {known} alone, the {role} of agreement "
                f"{signed_for.name!r}: send that address, or leave it out",
            )


def check_payees(wanted: Agreement, treasuries: Collection[str]) -> None:
    """Refuse a payee that is a treasury: the transfer would be confirmed, and nobody would be paid."""
    for role in ("provider", "beneficiary"):
        check_payee(role, getattr(wanted, role), {*treasuries, wanted.bond, wanted.pool})


def check_unpaid(wanted: Agreement, payees: Collection[str]) -> None:
    """Refuse a treasury that an agreement pays."""
    for role in ("bond", "pool"):
        if getattr(wanted, role) in payees:
            raise Conflict(
                f"{getattr(wanted, role)} cannot be the {role}: it is an account that an agreement pays"
            )


def check_payee(role: str, address: str, treasuries: Collection[str]) -> None:
    if address in treasuries:
        raise Conflict(
            f"{address} cannot be paid as {role}: it is a treasury of an agreement, so that nobody would "
            "get the money; name an account of the party itself"
        )
