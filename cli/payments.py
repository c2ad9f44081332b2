"""`apexchainx payments`: the whole story of one payment, from the debt to its proof."""

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

from cli.stacks import book
from domain.errors import ApexError
from domain.money import decimal
from domain.stories import Booked, Owed, Signed, Step, Story, Try
from sandbox.processes import CannotStart
from services.settlement.payments.trace_payment import trace_payment

# What a step says beside its name, where it says it.
TOLD = (
    *("reason", "channel", "proof", "seen_elsewhere", "note"),
    *("transaction_hash", "ledger", "share_stroops"),
)


class Action(StrEnum):
    EXPLAIN = "explain"


def command(
    action: Annotated[Action, typer.Argument(help="explain: tell everything about a payment.")],
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id, number, or transaction hash.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Of a local engine.")
    ] = Path("var"),
) -> None:
    """Reads the book at DATABASE_URL, or that of --data-dir."""
    assert action is Action.EXPLAIN
    try:
        story = asyncio.run(_tell(name, data_dir))
    except (CannotStart, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    if as_json:
        typer.echo(orjson.dumps(asdict(story) | {"standing": story.standing}).decode())
        return
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for line in lines(story):
        console.print(line, markup=False)


async def _tell(name: str, data_dir: Path) -> Story:
    async with book(data_dir) as database:
        return await trace_payment(database, name)


def lines(story: Story) -> Iterator[str]:
    """The story for people, top to bottom."""
    yield from _debt(story.owed)
    yield from ("", "What happened")
    yield from map(_step, story.steps)
    for tried in story.tries:
        yield from _attempt(tried, story.owed)
    if not story.tries:
        yield from ("", "No attempt was made.")
    yield from ("", "Postings (debit positive; what the payment then has on the account)")
    yield from map(_posting, story.booked)
    yield from ("", story.standing)


def _debt(owed: Owed) -> Iterator[str]:
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


def _step(step: Step) -> str:
    told = (f"{word.replace('_', ' ')} {step.facts[word]}" for word in TOLD if word in step.facts)
    return f"  {_at(step.at)}  {step.action} by {step.actor}" + "".join(
        f"; {each}" for each in told
    )


def _attempt(tried: Try, owed: Owed) -> Iterator[str]:
    yield ""
    yield f"Attempt {tried.n} on the {tried.rail} rail, begun {_at(tried.opened_at)}: {tried.status}"
    yield f"  channel {tried.channel}, sequence {tried.sequence}"
    if tried.leader != owed.id or tried.riders > 1:
        yield (
            f"  led by {tried.leader} with {tried.riders} payments; rides in transfer "
            f"{tried.number} with a share of {_money(tried.share_stroops, owed)}"
        )
    if tried.left_out:
        yield f"  left out: {tried.left_out}"
    if tried.reason:
        yield f"  had no effect: {tried.reason}"
    for signed in tried.envelopes:
        yield from _envelope(signed, owed)
    if not tried.envelopes:
        yield "  nothing was signed"


def _envelope(signed: Signed, owed: Owed) -> Iterator[str]:
    yield f"  envelope {signed.hash}"
    yield (
        f"    signed {_at(signed.signed_at)}, fee {signed.fee_stroops} stroops, can land until "
        f"ledger {signed.max_ledger}"
    )
    if signed.voids:
        yield f"    a void, which pays nobody and uses up the sequence: {signed.voids}"
    if signed.inner_hash != signed.hash:
        yield f"    around transaction {signed.inner_hash}"
    for sent in signed.sends:
        yield f"    sent {_at(sent.at)}: {sent.answer}"
    if not signed.sends:
        yield "    no send of it was answered"
    if owed.transaction_hash in (signed.hash, signed.inner_hash):
        yield f"    PROVEN in ledger {owed.ledger}, closed {_at(owed.confirmed_at)}"


def _posting(posting: Booked) -> str:
    about = f", about {posting.corrects}" if posting.corrects else ""
    return (
        f"  {_at(posting.at)}  {posting.kind:<11}  {posting.account:<65}  "
        f"{decimal(posting.amount_stroops):>14}  {decimal(posting.running_stroops):>14}"
        f"  {posting.entry_id}{about}"
    )


def _money(amount_stroops: int, owed: Owed) -> str:
    return f"{decimal(amount_stroops)} {owed.asset_code}"


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z" if moment else "unknown"
