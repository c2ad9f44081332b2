"""
Rollups: the sums that are kept of outages, and the changes that are not folded into them yet.

What an outage adds to a sum is said by one statement here, and read from its row, its newest verdict and the
journal. A change is folded by taking back what the outage added before, and adding what it adds now.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# What each outage of the relation `wanted` adds to the sums now. What a decision corrected ends when it says. Each is
# looked up by its id (OFFSET keeps the lookup as it stands): joined, a million would be read where statistics say many.
FRESH = """
    SELECT o.id AS outage_id, o.detected_at,
        CASE WHEN v.mttr_basis = 'decided'
            THEN o.detected_at + v.mttr_minutes * interval '1 minute' ELSE o.resolved_at
        END AS ended_at,
        o.agreement, coalesce(v.severity, o.severity) AS severity, o.site_id, o.site_name,
        CASE o.status WHEN 'declared' THEN 'open' WHEN 'cancelled' THEN 'cancelled'
            WHEN 'voided' THEN 'voided' ELSE 'judged' END AS phase,
        v.status IS NOT DISTINCT FROM 'violated' AS violated,
        -- What was settled elsewhere may have no verdict here, and has its times.
        CASE WHEN o.status NOT IN ('declared', 'cancelled', 'voided') THEN coalesce(v.mttr_minutes,
            floor(extract(epoch FROM o.resolved_at - o.detected_at) / 60)::bigint)
        END AS mttr_minutes,
        coalesce(m.rewards, 0)::bigint AS rewards_stroops,
        coalesce(m.penalties, 0)::bigint AS penalties_stroops
    FROM wanted, LATERAL (SELECT * FROM outages WHERE id = wanted.outage_id OFFSET 0) o
    LEFT JOIN LATERAL (
        SELECT r.* FROM sla_results r
        WHERE r.outage_id = o.id AND o.status NOT IN ('declared', 'cancelled', 'voided')
        ORDER BY r.revision DESC LIMIT 1
    ) v ON true
    LEFT JOIN LATERAL (
        SELECT sum(p.amount_stroops) FILTER (WHERE p.account = 'expense:reward') AS rewards,
            sum(p.amount_stroops) FILTER (WHERE p.account = 'expense:penalty') AS penalties
        FROM sla_results r
        JOIN entries e ON e.payment_id = r.payment_id
            AND e.kind IN ('accrual', 'reversal', 'correction')
        JOIN postings p ON p.entry_id = e.id
        WHERE r.outage_id = o.id
    ) m ON true
"""
# What one row of `each`, times its sign, adds to every sum.
SUMS = """
    sum(sign)::bigint AS detected,
    coalesce(sum(sign) FILTER (WHERE phase = 'cancelled'), 0)::bigint AS cancelled,
    coalesce(sum(sign) FILTER (WHERE phase = 'voided'), 0)::bigint AS voided,
    coalesce(sum(sign) FILTER (WHERE phase = 'judged'), 0)::bigint AS judged,
    coalesce(sum(sign) FILTER (WHERE violated), 0)::bigint AS violations,
    coalesce(sum(sign * mttr_minutes::numeric), 0) AS minutes,
    coalesce(sum(sign * rewards_stroops::numeric), 0) AS rewards_stroops,
    coalesce(sum(sign * penalties_stroops::numeric), 0) AS penalties_stroops
"""
_COLUMNS = (
    *("outage_id", "detected_at", "ended_at", "agreement", "severity", "site_id", "site_name"),
    *("phase", "violated", "mttr_minutes", "rewards_stroops", "penalties_stroops"),
)
NAMED = ", ".join(f"f.{name}" for name in _COLUMNS)
# What was folded of each of them.
_FOLDED = f"""
    {NAMED} FROM wanted, LATERAL (
        SELECT * FROM analytics_contributions WHERE outage_id = wanted.outage_id OFFSET 0
    ) f
"""
# What a read adds to the sums that are kept: each changed outage as it is, less what was folded of it.
LATE = f"""
    wanted AS MATERIALIZED (SELECT DISTINCT outage_id FROM analytics_changes),
    late AS MATERIALIZED (
        SELECT 1 AS sign, fresh.* FROM ({FRESH}) fresh
        UNION ALL
        SELECT -1, {_FOLDED}
    )
"""
MEASURES = (
    *("detected", "cancelled", "voided", "judged", "violations", "minutes"),
    *("rewards_stroops", "penalties_stroops"),
)
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
_ADDED = ", ".join(f"{name} = r.{name} + excluded.{name}" for name in MEASURES)

# One statement sees one moment: what it takes from the changes is what its outages are read with.
_FOLD = text(
    f"""
    WITH taken AS (
        DELETE FROM analytics_changes
        WHERE id IN (SELECT id FROM analytics_changes ORDER BY id LIMIT :many)
        RETURNING outage_id
    ),
    wanted AS MATERIALIZED (SELECT DISTINCT outage_id FROM taken),
    fresh AS MATERIALIZED ({FRESH}),
    moved AS MATERIALIZED (
        SELECT 1 AS sign, fresh.* FROM fresh
        UNION ALL
        SELECT -1, {_FOLDED}
    ),
    known AS (
        INSERT INTO analytics_contributions ({", ".join(_COLUMNS)})
        SELECT {", ".join(_COLUMNS)} FROM fresh
        ON CONFLICT (outage_id) DO UPDATE SET {_REPLACED}
    ),
    summed AS (
        INSERT INTO analytics_rollups AS r
            (agreement, grain, starts_at, severity, {", ".join(MEASURES)})
        SELECT of.agreement, grain.name, date_bin(grain.span, detected_at, 'epoch'), severity, {SUMS}
        FROM moved,
            LATERAL (VALUES (''), (moved.agreement)) AS of (agreement),
            (VALUES ('hour', interval '1 hour'), ('day', interval '1 day')) AS grain (name, span)
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (agreement, grain, starts_at, severity) DO UPDATE SET {_ADDED}
    ),
    counted AS (
        INSERT INTO analytics_histograms AS h
            (agreement, grain, starts_at, severity, mttr_minutes, outages)
        SELECT of.agreement, grain, date_trunc(grain, detected_at, 'UTC'), severity, mttr_minutes,
            sum(sign)
        FROM moved,
            LATERAL (VALUES (''), (moved.agreement)) AS of (agreement),
            (VALUES ('day'), ('month')) AS grains (grain)
        WHERE phase = 'judged' AND mttr_minutes IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(sign) <> 0
        ON CONFLICT (agreement, grain, starts_at, severity, mttr_minutes)
        DO UPDATE SET outages = h.outages + excluded.outages
    )
    SELECT count(*) FROM taken
    """
)


# Few outages are looked up in tables of any size. Statistics that are older than the rows, as in a database that was
# just filled, or a plan that was kept from when the tables were small, would have whole tables read for them.
_BY_OUTAGE = (
    "SET LOCAL plan_cache_mode = force_custom_plan",
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL jit = off",
)


async def lock(connection: AsyncConnection) -> None:
    """Take the lock that lets one fold at a time; it is held until the commit. Who writes or reads never waits for it."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('analytics-fold'))"))
    for setting in _BY_OUTAGE:
        await connection.execute(text(setting))


async def fold(connection: AsyncConnection, many: int) -> int:
    """Fold so many of the oldest changes into the sums; return how many there were."""
    return int(await connection.scalar(_FOLD, {"many": many}) or 0)


async def has_changes(connection: AsyncConnection) -> bool:
    return bool(await connection.scalar(text("SELECT EXISTS (SELECT FROM analytics_changes)")))


async def count_changes(connection: AsyncConnection) -> int:
    """Count the changes that are not folded yet."""
    return int(await connection.scalar(text("SELECT count(*) FROM analytics_changes")) or 0)
