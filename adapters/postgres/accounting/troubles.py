"""Troubles in the database: those that the settlement worker saw last, and those that the tables show."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.settlement import limits
from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.tables import troubles
from domain.accounting.troubles import (
    DELAYED_AFTER,
    SILENT_AFTER,
    UNATTENDED_AFTER,
    UNREAD_AFTER,
    TreasuryStanding,
    Trouble,
    TroubleCode,
)


async def save_troubles(
    connection: AsyncConnection, passphrase: str, found: Sequence[Trouble], at: datetime
) -> None:
    """Save what is wrong on a network now; what was wrong before keeps its `since`."""
    own = troubles.c.passphrase == passphrase
    kept = [(str(each.code), each.subject) for each in found]
    await connection.execute(
        delete(troubles).where(own, tuple_(troubles.c.code, troubles.c.subject).not_in(kept))
    )
    for each in found:
        values = {"sentence": each.sentence, "missing_stroops": each.missing_stroops}
        statement = insert(troubles).values(
            passphrase=passphrase, code=each.code, subject=each.subject, since=at, **values
        )
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["passphrase", "code", "subject"], set_=values
            )
        )


_LIST = text(
    f"""
    SELECT code, sentence, subject, since, NULL::bigint AS number, missing_stroops FROM troubles
    UNION ALL
    SELECT '{TroubleCode.CIRCUIT_BREAKER_OPEN}', 'the circuit breaker is open: ' || reason, '', changed_at, NULL, NULL
    FROM circuit_breakers WHERE name = 'settlement' AND is_open
    UNION ALL
    SELECT '{TroubleCode.BREAKS_OPEN}', format('%s breaks between journal and chain are open', count(*)), '',
           min(found_at), count(*), NULL
    FROM breaks WHERE status = 'open' HAVING count(*) > 0
    UNION ALL
    SELECT CASE status WHEN 'blocked' THEN '{TroubleCode.PAYMENTS_BLOCKED}'
               ELSE '{TroubleCode.PAYMENTS_QUARANTINED}' END, format('%s payments are %s: %s', count(*), status,
               string_agg(DISTINCT reason_code, ', ')), '',
           min(coalesce(stopped.at, created_at)), count(*), NULL
    FROM payments p, LATERAL (
        SELECT max(a.recorded_at) AS at FROM audit_entries a
        WHERE a.subject = 'outage/' || p.outage_id AND a.action = 'payment.' || p.status
    ) stopped
    WHERE status IN ('blocked', 'quarantined') GROUP BY status
    UNION ALL
    SELECT '{TroubleCode.PAYMENTS_DELAYED}', format('%s payments were sent long ago, and no ledger has taken them: look at '
           'the nodes, and at the fees that the network asks for (STELLAR_FEE_CAP_STROOPS)', count(*)), '',
           min(a.opened_at), count(*), NULL
    FROM channels c JOIN attempts a ON a.payment_id = c.payment_id AND a.channel = c.address AND a.status = 'open'
    JOIN allocations s ON (s.lead_payment_id, s.n) = (a.payment_id, a.n) AND s.live
    JOIN payments p ON p.id = s.payment_id AND p.status IN ('prepared', 'submitted')
    WHERE a.opened_at < now() - CAST(:delayed AS interval) HAVING count(*) > 0
    UNION ALL
    SELECT '{TroubleCode.CHAIN_UNREAD}', 'reconciliation has not compared journal and chain for a while: look at the '
           'analytics worker and its nodes', '', max(at), NULL, NULL
    FROM reconciliation_runs HAVING coalesce(max(at), '-infinity') < now() - CAST(:unread AS interval)
    UNION ALL
    SELECT '{TroubleCode.CHAIN_UNREAD}', format('the last ledger that was read closed long ago: %s', ledger), '',
           closed_at, NULL, NULL
    FROM chain_cursor WHERE closed_at < now() - CAST(:unread AS interval) AND EXISTS (
        SELECT FROM reconciliation_runs WHERE at >= now() - CAST(:unread AS interval))
    UNION ALL
    SELECT '{TroubleCode.SETTLEMENT_WORKER_SILENT}', 'no settlement worker has reported for a while: start one, or '
           'look in its log', '', max(monitored_at), NULL, NULL
    FROM networks HAVING coalesce(max(monitored_at), '-infinity') < now() - CAST(:silent AS interval)
    UNION ALL
    SELECT '{TroubleCode.WORKFLOWS_MISSING}', format('%s outages, payments or batches have no workflow that takes them '
           'up: look in the log of the worker of the queue outages', unattended), '', unattended_since, unattended, NULL
    FROM installation WHERE unattended > 0
    UNION ALL
    SELECT '{TroubleCode.WORKFLOWS_MISSING}', format('%s outages, %s of them disputed, and %s payments are in flight, and '
           'nothing has looked for a while whether their workflows run: start a worker of the queue outages',
           outages.number, outages.disputed, owed.number), '', swept_at, outages.number + owed.number, NULL
    FROM installation, LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE status = 'disputed') AS disputed FROM outages
        WHERE status NOT IN ('closed', 'cancelled', 'voided') AND declared_at < now() - CAST(:unattended AS interval)
    ) outages, LATERAL (
        SELECT count(*) AS number FROM payments
        WHERE status NOT IN ('confirmed', 'voided') AND created_at < now() - CAST(:unattended AS interval)
    ) owed
    WHERE coalesce(swept_at, '-infinity') < now() - CAST(:unattended AS interval)
      AND outages.number + owed.number > 0
    ORDER BY since NULLS FIRST, code
    """
)


async def list_troubles(connection: AsyncConnection) -> list[Trouble]:
    """Return every trouble that is on record, the oldest first."""
    bounds = {"unread": UNREAD_AFTER, "silent": SILENT_AFTER, "unattended": UNATTENDED_AFTER}
    bounds["delayed"] = DELAYED_AFTER
    rows = await connection.execute(_LIST, bounds)
    return [
        Trouble(
            TroubleCode(row.code),
            row.sentence,
            row.subject,
            row.since,
            row.number,
            row.missing_stroops,
        )
        for row in rows
    ]


async def list_troubles_of(
    connection: AsyncConnection, subjects: Collection[str]
) -> dict[str, list[Trouble]]:
    """Return what the settlement worker saw last of some accounts, by account, the oldest first."""
    c = troubles.c
    rows = await connection.execute(
        select(c.code, c.sentence, c.subject, c.since, c.missing_stroops)
        .where(c.subject.in_(subjects))
        .order_by(c.since, c.code)
    )
    found = dict[str, list[Trouble]]()
    for row in rows:
        said = (TroubleCode(row.code), row.sentence, row.subject, row.since)
        seen = Trouble(*said, missing_stroops=row.missing_stroops)
        found.setdefault(row.subject, []).append(seen)
    return found


async def list_treasuries(
    connection: AsyncConnection, at: datetime, segment: ListSegment
) -> tuple[list[TreasuryStanding], Total]:
    """Return one page of the treasuries by address, as they stand at an instant, and how many there are."""
    shown, total = await treasuries.list_page(connection, segment)
    records = await treasuries.list_records(connection, at, shown)
    found = {each.address: each for each in records}
    seen = await list_troubles_of(connection, shown)
    spent = await limits.read_spent(connection, at.astimezone(UTC).date(), "payer", shown)
    return [
        TreasuryStanding(found[each], seen.get(each, []), spent.get(each, 0)) for each in shown
    ], total


# So much does not fit into the memory of a statement: it is written to the disk of the tables.
_SPILL = text("SELECT count(*) FROM generate_series(1, 10000) AS n")


async def find_write_obstacle(connection: AsyncConnection) -> Trouble | None:
    """Return why nothing can be written now: the database is read-only, or its disk takes no more."""
    if await connection.scalar(text("SHOW transaction_read_only")) == "on":
        return Trouble(
            TroubleCode.DATABASE_READ_ONLY,
            "PostgreSQL is read-only: it is a standby, or default_transaction_read_only is on",
        )
    try:
        await connection.execute(text("SET LOCAL work_mem = '64kB'"))
        await connection.execute(_SPILL)
    except DBAPIError as error:
        return Trouble(TroubleCode.WRITES_FAILING, f"PostgreSQL cannot write: {error.orig}".strip())
    return None
