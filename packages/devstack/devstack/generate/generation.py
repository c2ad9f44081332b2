"""Generate so many outages from a seed, with everything that belongs to them, into a database."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from devstack.generate.folding import fold_all, note_outages
from devstack.generate.generated_outages import OutageSource, choose_end
from devstack.generate.loading import INDEXES_ABOVE, Cursor, Loader, open_loader
from devstack.generate.money_rows import MoneyWriter
from devstack.generate.row_writers import AT_ONCE, GeneratedTerms, RowBatch, write_outages
from devstack.generate.trail_rows import write_trail
from domain.accounting.postings import CURRENCY, make_account
from domain.sla.agreements.versions import AgreementVersion
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms

BATCH = 5_000
POLICY = "standard"
Item = TypeVar("Item")
TABLES = (
    *("outages", "sla_results", "disputes", "payments", "attempts", "allocations", "envelopes"),
    *("entries", "postings", "audit_entries", "events", "event_counts"),
)


class CannotGenerate(Exception):
    """The sentence says what is missing."""


@dataclass(frozen=True)
class GenerationOptions:
    """
    `first` lets a later call add to what an earlier one made, of the same seed. Without `folds` analytics know nothing
    of it.
    """

    rows: int
    seed: int
    first: int = 1
    until: datetime | None = None
    folds: bool = True


def generate(url: str, wanted: GenerationOptions) -> None:
    """
    Write everything or nothing, and fold it into the sums of analytics. Raises CannotGenerate where the database is
    not one of the engine.
    """
    with open_loader(url) as (loader, cursor):
        policy, terms = _read_terms(cursor)
        source = OutageSource(wanted.seed, choose_end(wanted.until), policy.terms)
        _add_population(loader, source, terms)
        writer = MoneyWriter(terms, *_find_channel(cursor, wanted.first))
        with loader.without_indexes(TABLES, needed=wanted.rows > INDEXES_ABOVE):
            batch = RowBatch()
            drawn = source.draw_outages(wanted.first, wanted.rows)
            for outages in split(drawn, BATCH):
                write_outages(batch, terms, outages)
                for together in split(outages, AT_ONCE):
                    writer.write(batch, together)
                write_trail(batch, outages)
                loader.copy(batch)
        _set_balances(loader, writer)
        noted = wanted.folds and note_outages(cursor)
    if noted:
        asyncio.run(fold_all(url))


def split(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield so many items at a time."""
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


def _read_terms(cursor: Cursor) -> tuple[Policy, GeneratedTerms]:
    cursor.execute(
        "SELECT version, digest, dispute_window_seconds, terms FROM policies"
        " WHERE name = %s ORDER BY version LIMIT 1",
        [POLICY],
    )
    found: Any = cursor.fetchone()
    cursor.execute("SELECT bond, pool FROM agreements ORDER BY name = 'default' DESC LIMIT 1")
    treasuries: Any = cursor.fetchone()
    if found is None or treasuries is None:
        raise CannotGenerate(
            f"there is no policy {POLICY!r} or no agreement: start the engine on this database once"
        )
    version, digest, window, stored = found
    by_severity = {Severity(name): Terms(**each) for name, each in stored.items()}
    policy = Policy(POLICY, version, BEGINNING_OF_TIME, window, 0, by_severity)
    return policy, GeneratedTerms(POLICY, version, digest, *treasuries)


def _find_channel(cursor: Cursor, first: int) -> tuple[str, int]:
    """Return a channel account for what is paid already, and a sequence far below those of any chain."""
    cursor.execute("SELECT address FROM channels ORDER BY address LIMIT 1")
    found = cursor.fetchone()
    if found is None:
        cursor.execute("INSERT INTO channels (address, sequence) VALUES ('GENERATED', 0)")
    return "GENERATED" if found is None else str(found[0]), first


def _add_population(loader: Loader, source: OutageSource, terms: GeneratedTerms) -> None:
    population, nothing = source.population, "DO NOTHING"
    parties = [(*each, "generator") for each in population.parties]
    loader.add("parties", ("id", "kind", "name", "created_by"), parties, nothing)
    names = ("name", "bond", "pool", "provider", "beneficiary", "provider_party")
    bound = [
        (
            *(each.name, terms.bond, terms.pool, each.provider, each.beneficiary),
            *(each.provider_party, each.beneficiary_party),
        )
        for each in population.agreements
    ]
    loader.add("agreements", (*names, "beneficiary_party"), bound, nothing)
    versions = [AgreementVersion(each.name, 1, BEGINNING_OF_TIME) for each in population.agreements]
    loader.add(
        "agreement_versions",
        ("agreement", "version", "effective_from", "digest", "created_by"),
        [(each.agreement, 1, BEGINNING_OF_TIME, each.digest(), "generator") for each in versions],
        nothing,
    )


def _set_balances(loader: Loader, writer: MoneyWriter) -> None:
    accounts = [make_account(name, CURRENCY) for name in {key[0] for key in writer.balances}]
    loader.add(
        "accounts",
        ("name", "currency", "kind", "floor_stroops"),
        [(each.name, CURRENCY, each.kind, each.floor_stroops) for each in accounts],
        "DO NOTHING",
    )
    moved = [
        (account, CURRENCY, slot, amount) for (account, slot), amount in writer.balances.items()
    ]
    loader.add(
        "balances",
        ("account", "currency", "slot", "amount_stroops"),
        moved,
        "(account, currency, slot) DO UPDATE"
        " SET amount_stroops = t.amount_stroops + excluded.amount_stroops",
    )
