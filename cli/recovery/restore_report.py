"""What `apexchainx restore` says: the backup, what it would replace, what is lost, and what the chain knows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from domain.money import format_amount
from domain.recovery.backups import BackupManifest
from domain.recovery.restorations import Losses, RestoreTarget, TransfersSince


def describe_backup(file: Path, manifest: BackupManifest) -> Iterator[str]:
    contents, journal = manifest.contents, manifest.contents.journal
    yield (
        f"backup    {file}: taken {_at(contents.at)} by apexchainx {manifest.version} from PostgreSQL "
        f"{contents.server_major}, migration {contents.revision}"
    )
    yield (
        f"          {journal.outages} outages, {journal.payments} payments of "
        f"{format_amount(journal.owed_stroops)} USDC, {journal.confirmed} of them confirmed: "
        f"{format_amount(journal.confirmed_stroops)} USDC; the journal's debits are "
        f"{format_amount(journal.debited_stroops)}"
    )
    if contents.chain_ledger is None:
        yield "          it has read nothing of the chain"
    else:
        closed = f", closed {_at(contents.chain_closed_at)}" if contents.chain_closed_at else ""
        yield f"          it has read the chain up to ledger {contents.chain_ledger}{closed}"
    if contents.violated:
        yield f"          violated when it was taken: {', '.join(contents.violated)}"
    yield f"          sound: {manifest.dump_bytes} bytes of dump, SHA-256 {manifest.dump_sha256}"


def describe_target(target: RestoreTarget) -> Iterator[str]:
    if not target.exists:
        yield f"target    the database {target.name!r} does not exist, and is made"
        return
    if target.is_empty:
        yield f"target    the database {target.name!r} is empty, and is moved away under another name"
    else:
        rows = ", ".join(f"{name} {rows}" for name, rows in sorted(target.rows.items()))
        yield f"target    the database {target.name!r} holds {rows}"
        yield "          --replace moves it away under another name; nothing of it is deleted"
    if target.sessions:
        yield f"          {target.sessions} sessions are open in it: stop the services before --apply"
    if target.latest:
        yield f"          it was restored before, {_at(target.latest.restored_at)}"
    if target.losses is None and not target.is_empty:
        yield "lost      not known: another build made what is there now"
    elif target.losses is not None:
        yield from _describe_losses(target.losses)


def _describe_losses(losses: Losses) -> Iterator[str]:
    if not losses.outages + losses.payments + losses.confirmed:
        yield "lost      nothing: what is there now is not newer than the backup"
        return
    named = ", ".join(losses.outage_ids) + (
        ", ..." if losses.outages > len(losses.outage_ids) else ""
    )
    yield f"lost      {losses.outages} outages were declared after the backup{': ' if named else ''}{named}"
    yield (
        f"          {losses.payments} payments of {format_amount(losses.payments_stroops)} USDC were owed, and "
        f"{losses.confirmed} of {format_amount(losses.confirmed_stroops)} USDC confirmed, after it"
    )


def describe_chain(since: TransfersSince | None) -> Iterator[str]:
    if since is None:
        yield "chain     not asked: set STELLAR_RPC_URL and the settings of the analytics worker"
        return
    yield (
        f"chain     {since.count} transfers of {format_amount(since.stroops)} USDC left the treasuries in ledgers "
        f"{since.first_ledger} to {since.last_ledger}, and the backup does not know them"
    )
    if not since.is_complete:
        yield (
            f"          the nodes know nothing before ledger {since.oldest_known_ledger}: name one that keeps more, "
            "or what was paid before it stays unknown"
        )


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
