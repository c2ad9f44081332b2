"""`apexchainx payments`: the trace of one payment, from the debt to its proof; and reopening one."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from cli.accounting import reopenings
from cli.databases import DataDir, NoDatabase, open_database
from domain.accounting.payment_traces import (
    PaymentTrace,
    TracedAttempt,
    TracedEnvelope,
    TracedPayment,
    TracedPosting,
    TraceEvent,
)
from domain.errors import ApexError
from domain.money import format_amount
from services.settlement.payments.trace_payment import trace_payment

# What a trace event shows beside its name, where it has it.
SHOWN = (
    *("reason", "channel", "proof", "seen_elsewhere", "note"),
    *("transaction_hash", "ledger", "allocated_stroops"),
)


class PaymentAction(StrEnum):
    EXPLAIN = "explain"
    REOPEN = "reopen"


def command(
    action: Annotated[
        PaymentAction,
        typer.Argument(
            help="explain: show everything about a payment; reopen: owe it again, when no chain has it."
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id, number, or transaction hash.")],
    by: Annotated[str, typer.Option(help="Who reopens it: your name.")] = "",
    note: Annotated[str, typer.Option(help="What you found, for the audit trail.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Explain reads the database of --data-dir, or that at DATABASE_URL, and names it; reopen needs a worker's environment."""
    if action is PaymentAction.REOPEN:
        _reopen(name, by.strip(), note.strip())
        return
    assert action is PaymentAction.EXPLAIN
    try:
        location, trace = asyncio.run(_load_trace(name, data_dir))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    if as_json:
        typer.echo(
            orjson.dumps(
                asdict(trace) | {"standing": trace.standing, "database": location}
            ).decode()
        )
        return
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    console.print(f"Database {location}", markup=False)
    for line in render_lines(trace):
        console.print(line, markup=False)


def _reopen(payment_id: str, by: str, note: str) -> None:
    if not (by and note):
        raise SystemExit("apexchainx: give --by and --note")
    try:
        asyncio.run(reopenings.run(payment_id, by, note))
    except ApexError as failure:
        raise SystemExit(f"apexchainx: {failure}") from None


async def _load_trace(name: str, data_dir: Path | None) -> tuple[str, PaymentTrace]:
    async with open_database(data_dir) as database:
        return database.location, await trace_payment(database, name)


def render_lines(trace: PaymentTrace) -> Iterator[str]:
    """The trace for people, top to bottom."""
    yield from _debt(trace.owed)
    yield from ("", "What happened")
    yield from map(_event, trace.steps)
    for tried in trace.tries:
        yield from _attempt(tried, trace.owed)
    if not trace.tries:
        yield from ("", "No attempt was made.")
    yield from ("", "Postings (debit positive; what the payment then has on the account)")
    yield from map(_posting, trace.postings)
    yield from ("", trace.standing)


def _debt(owed: TracedPayment) -> Iterator[str]:
    yield f"Payment {owed.id}, number {owed.number}: {_money(owed.amount_stroops, owed)}"
    yield f"  {owed.type} from the {owed.payer} {owed.from_address}"
    yield f"  to {owed.to_address}"
    yield (
        f"  owed for outage {owed.outage_id} ({owed.severity}, {owed.site_name}), verdict "
        f"{owed.revision} of {_at(owed.judged_at)}:"
    )
    yield (
        f"  SLA {owed.sla_status}, {owed.rating}: {owed.mttr_minutes} minutes ({owed.mttr_basis}) "
        f"where {owed.threshold_minutes} were promised by policy {owed.policy} version "
        f"{owed.policy_version}"
    )


def _event(event: TraceEvent) -> str:
    shown = [
        f"{key.replace('_', ' ')} {event.payload[key]}" for key in SHOWN if key in event.payload
    ]
    return f"  {_at(event.at)}  {event.action} by {event.actor}" + "".join(
        f"; {each}" for each in shown
    )


def _attempt(tried: TracedAttempt, owed: TracedPayment) -> Iterator[str]:
    yield ""
    yield f"Attempt {tried.n} on the {tried.rail} rail, begun {_at(tried.opened_at)}: {tried.status}"
    yield f"  channel {tried.channel}, sequence {tried.sequence}"
    if tried.lead_payment_id != owed.id or tried.members > 1:
        yield (
            f"  in the batch of {tried.lead_payment_id} with {tried.members} payments; transfer "
            f"{tried.number}, allocation {_money(tried.allocated_stroops, owed)}"
        )
    if tried.left_out:
        yield f"  removed from the batch: {tried.left_out}"
    if tried.reason:
        yield f"  had no effect: {tried.reason}"
    for signed in tried.envelopes:
        yield from _envelope(signed, owed)
    if not tried.envelopes:
        yield "  nothing was signed"


def _envelope(signed: TracedEnvelope, owed: TracedPayment) -> Iterator[str]:
    yield f"  envelope {signed.hash}"
    yield (
        f"    signed {_at(signed.signed_at)}, fee {signed.fee_stroops} stroops, can land until "
        f"ledger {signed.max_ledger}"
    )
    if signed.noop_reason:
        yield f"    a no-op transaction, which pays nobody and uses up the sequence: {signed.noop_reason}"
    if signed.inner_hash != signed.hash:
        yield f"    around transaction {signed.inner_hash}"
    for sent in signed.sends:
        yield f"    sent {_at(sent.at)}: {sent.answer}"
    if not signed.sends:
        yield "    no send of it was answered"
    if owed.transaction_hash in (signed.hash, signed.inner_hash):
        yield f"    PROVEN in ledger {owed.ledger}, closed {_at(owed.confirmed_at)}"


def _posting(posting: TracedPosting) -> str:
    about = f", about {posting.corrects}" if posting.corrects else ""
    return (
        f"  {_at(posting.at)}  {posting.kind:<11}  {posting.account:<65}  "
        f"{format_amount(posting.amount_stroops):>14}  {format_amount(posting.running_stroops):>14}"
        f"  {posting.entry_id}{about}"
    )


def _money(amount_stroops: int, owed: TracedPayment) -> str:
    return f"{format_amount(amount_stroops)} {owed.asset_code}"


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z" if moment else "unknown"
