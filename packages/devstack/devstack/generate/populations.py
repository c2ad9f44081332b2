"""Who and what outages are about: parties, agreements, sites, teams and causes, few of them much, most of them little."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from stellar_sdk import StrKey

SEVERITIES, SEVERITY_SHARES = ("low", "medium", "high", "critical"), (30, 42, 21, 7)
# Of the minutes until repair, by severity: what is grave is repaired sooner.
MEDIAN_MINUTES = {"low": 160, "medium": 85, "high": 45, "critical": 22}
CITIES = (
    *("Aalen", "Bergen", "Cadiz", "Delft", "Evora", "Fulda", "Gdansk", "Halden", "Imola", "Jena"),
    *("Kassel", "Lugano", "Malmo", "Narvik", "Odense", "Parma", "Rostock", "Sintra", "Turku"),
    *("Uppsala", "Vaduz", "Wels", "Ypres", "Zadar"),
)
KINDS = ("Tower", "Mast", "Exchange", "Node", "Cabinet", "Landing Station")
CAUSES = (
    *("Power supply failed", "Fibre cut by road works", "Fibre cut by a ship's anchor"),
    *("Router restarted by itself", "Cooling failed", "Upstream carrier down"),
    *("Wrong configuration rolled back", "Flooded cabinet", "Rectifier replaced", "Card failed"),
)
SERVICES = ("voice", "data", "roaming", "lte", "nr", "transit", "leased line", "sms")
PROVIDERS, CUSTOMERS, AGREEMENTS, SITES, TEAMS = 12, 180, 300, 2_000, 40


@dataclass(frozen=True, slots=True)
class Site:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BoundParties:
    """An agreement: its name, its parties and whom it pays."""

    name: str
    provider_party: str
    beneficiary_party: str
    provider: str
    beneficiary: str


class Population:
    """The same from the same seed, whatever is drawn from it later."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draw = random.Random(f"population of {seed}")  # noqa: S311 - repeatable, not secret

    @cached_property
    def parties(self) -> list[tuple[str, str, str]]:
        """Each by its id, kind and name."""
        providers = [
            (f"gen{self._seed}-provider-{n:02}", "provider", f"Carrier {n}")
            for n in range(1, PROVIDERS + 1)
        ]
        return providers + [
            (f"gen{self._seed}-customer-{n:03}", "customer", f"Customer {n}")
            for n in range(1, CUSTOMERS + 1)
        ]

    @cached_property
    def agreements(self) -> list[BoundParties]:
        return [self._make_agreement(n) for n in range(1, AGREEMENTS + 1)]

    def _make_agreement(self, n: int) -> BoundParties:
        customer = PROVIDERS + (n - 1) % CUSTOMERS
        return BoundParties(
            f"gen{self._seed}-agreement-{n:03}",
            self.parties[(n - 1) % PROVIDERS][0],
            self.parties[customer][0],
            self._make_address(),
            self._make_address(),
        )

    def _make_address(self) -> str:
        return StrKey.encode_ed25519_public_key(self._draw.randbytes(32))

    @cached_property
    def sites(self) -> list[Site]:
        return [
            Site(f"GEN{self._seed}-{n:04}", f"{CITIES[n % len(CITIES)]} {KINDS[n % 6]} {n:04}")
            for n in range(1, SITES + 1)
        ]

    @cached_property
    def site_weights(self) -> list[float]:
        return compute_weights(SITES, 0.7)

    @cached_property
    def agreement_weights(self) -> list[float]:
        return compute_weights(AGREEMENTS, 0.9)


def compute_weights(count: int, exponent: float) -> list[float]:
    """Return the cumulated weights of so many things, of which the first is met much and the last seldom."""
    return list(accumulate(1 / n**exponent for n in range(1, count + 1)))


def choose(draw: random.Random, things: Sequence[Site], cumulated: Sequence[float]) -> Site:
    return draw.choices(things, cum_weights=cumulated)[0]
