"""Payments owed in bulk, as so many outages would leave them: the journal is balanced before and after."""

from datetime import UTC, datetime

from sqlalchemy import text

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement.payments import to_payment
from domain.accounting.journal import make_accrual
from domain.settlement.payments import Payment

# Closed outages of the sandbox's own agreement, each of which owes one payment.
_OWE = text(
    """
    WITH agreement AS (SELECT * FROM agreements WHERE name = 'default'),
    policy AS (SELECT name, version FROM policies WHERE name = 'standard' ORDER BY version LIMIT 1),
    outage AS (
        INSERT INTO outages (id, status, severity, site_name, description, affected_services,
            detected_at, declared_at, resolved_at, fingerprint, correlation_id, agreement,
            agreement_version, policy, policy_version)
        SELECT :run || '-' || i, 'settling', 'critical', 'Mast ' || i, '', '[]', :at, :at, :at,
               '', :run, 'default', 1, policy.name, policy.version
        FROM generate_series(1, :count) AS i, policy
        RETURNING id, split_part(id, '-', -1)::int AS i
    )
    INSERT INTO payments (id, number, outage_id, revision, type, status, amount_stroops, asset_code, payer,
        from_address, to_address, correlation_id, created_at)
    -- As domain/settlement/payments.py derives it.
    SELECT 'pay_' || substr(encode(sha256(convert_to(
               concat_ws(chr(31), 'sandbox', 'default', outage.id, '1'), 'UTF8')), 'hex'), 1, 24),
           -- One after the other, in numbers of the run's own.
           abs(('x' || substr(encode(sha256(convert_to(:run, 'UTF8')), 'hex'), 1, 10))::bit(40)::bigint)
               * 1048576 + outage.i,
           outage.id, 1, kind.type, 'pending', 10000000 + CASE WHEN :distinct THEN 1 << outage.i ELSE 0 END, 'USDC', kind.payer,
           kind.from_address, kind.to_address, :run, :at
    FROM outage, agreement,
         LATERAL (
             SELECT 'penalty' AS type, 'bond' AS payer, agreement.bond AS from_address,
                    agreement.beneficiary AS to_address
             WHERE outage.i % 2 = 0
             UNION ALL
             SELECT 'reward', 'pool', agreement.pool, agreement.provider
             WHERE outage.i % 2 <> 0
         ) AS kind
    RETURNING *
    """
)


async def owe(database: Database, run: str, count: int, *, distinct: bool = False) -> list[Payment]:
    """
    Owe `count` payments of 1 USDC, every other one a penalty; `run` makes their ids its own.

    With `distinct` (20 at most) each is some stroops more, so that a sum shows what it is made of.
    """
    at = datetime.now(UTC)
    async with database.transaction() as connection:
        rows = await connection.execute(
            _OWE, {"run": run, "count": count, "at": at, "distinct": distinct}
        )
        payments = [to_payment(row) for row in rows.mappings()]
        for start in range(0, len(payments), 500):
            await journal.post_entry(connection, *map(make_accrual, payments[start : start + 500]))
    return payments
