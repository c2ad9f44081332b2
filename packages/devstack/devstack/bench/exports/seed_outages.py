"""As many judged outages as one likes, written past the triggers: for what reads them."""

from sqlalchemy import text

from adapters.postgres.database import Database

_SEED = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL synchronous_commit = off",
    # It costs more than everything else, and nothing is searched for.
    "DROP INDEX ix_outages_search",
    """
    INSERT INTO outages (id, status, severity, site_name, site_id, description, affected_services,
        affected_subscribers, detected_at, declared_at, resolved_at, closed_at, dispute_deadline, root_cause,
        fingerprint, correlation_id, agreement, agreement_version, policy, policy_version)
    SELECT 'OUT-' || i, 'closed', (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4],
           'Mast ' || i % 5000, 'S-' || i % 5000, 'power of mast ' || i % 5000 || ' was off, case ' || i,
           '["radio", "backhaul"]', i % 10000, at, at, at + interval '25 min', at + interval '2 days',
           at + interval '1 day', CASE i % 3 WHEN 0 THEN '=fuse & generator' ELSE 'a fuse, and "more"' END,
           md5(i::text), 'bench-' || i, 'default', 1, 'standard', 1
    FROM generate_series(1, :rows) AS i,
         LATERAL (SELECT timestamptz '2026-01-01T00:00:00Z' - i * interval '31 s' AS at) _
    """,
    """
    INSERT INTO sla_results (outage_id, revision, severity, status, payment_type, rating, mttr_minutes,
        mttr_basis, measured_minutes, threshold_minutes, amount_stroops, policy, policy_version,
        policy_digest, judged_at, payment_id)
    SELECT id, 1, severity, 'violated', 'penalty', 'poor', 25, 'measured', 25, 15, -10000000000,
           policy, policy_version, md5('terms') || md5('terms'), resolved_at, 'pay_' || md5(id)
    FROM outages
    """,
)


async def write(database: Database, rows: int) -> None:
    """Write so many outages, each with its verdict, into an empty database."""
    async with database.transaction() as connection:
        for statement in map(text, _SEED):
            known = {"rows": rows} if ":rows" in statement.text else {}
            await connection.execute(statement, known)
    async with database.autocommit() as connection:
        await connection.execute(text("SET statement_timeout = 0"))
        # As the server itself does a while after so much was written.
        await connection.execute(text("VACUUM ANALYZE"))
