"""
The invariants of the journal as SQL, each checked over everything that was ever written.

Each rule returns its violations. Rules that need the same sums run in one statement, so that a million
postings are read a few times and not thirty.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import closed_outages, guards
from adapters.postgres.database import allow_long_reads
from domain.accounting.integrity_checks import NAMED_MAX, Violation
from domain.accounting.invariants import Invariant

_STATEMENT = """
WITH {sums} found (rule, subject, detail) AS ({rules})
SELECT rule, subject, detail, total, place FROM (
    SELECT *, count(*) OVER (PARTITION BY rule) AS total,
           row_number() OVER (PARTITION BY rule ORDER BY subject, detail) AS place
    FROM found) counted WHERE place <= :named_max ORDER BY rule, place
"""

_ENTRIES = (
    """
    posted AS (
        SELECT entry_id, count(*) AS lines, sum(amount_stroops) AS total
        FROM postings GROUP BY entry_id
    ),
    """,
    """
    SELECT 'entries_balance', coalesce(e.id, b.entry_id), CASE
        WHEN e.id IS NULL THEN 'postings without an entry'
        ELSE format('%s of its %s postings, which sum to %s stroops',
                    coalesce(b.lines, 0), e.lines, coalesce(b.total, 0)) END
    FROM entries e FULL JOIN posted b ON b.entry_id = e.id
    WHERE e.lines IS DISTINCT FROM b.lines OR b.total <> 0
    """,
)

_BALANCES = (
    """
    rebuilt AS MATERIALIZED (
        SELECT p.account, e.currency, e.slot, sum(p.amount_stroops) AS total
        FROM postings p JOIN entries e ON e.id = p.entry_id GROUP BY 1, 2, 3
    ),
    """,
    """
    SELECT 'trial_balance_zero', currency, format('all accounts sum to %s stroops', sum(total))
    FROM rebuilt GROUP BY currency HAVING sum(total) <> 0
    UNION ALL
    SELECT 'balances_match_postings', format('%s %s part %s', coalesce(b.account, r.account),
                             coalesce(b.currency, r.currency), coalesce(b.slot, r.slot)),
           format('the balance is %s and its postings sum to %s stroops',
                  coalesce(b.amount_stroops::text, 'missing'), coalesce(r.total, 0))
    FROM rebuilt r FULL JOIN balances b
        ON (b.account, b.currency, b.slot) = (r.account, r.currency, r.slot)
    WHERE b.amount_stroops IS DISTINCT FROM r.total
      AND (b.account IS NULL OR b.amount_stroops <> coalesce(r.total, 0))
    UNION ALL
    SELECT 'no_overdraft', format('%s %s part %s', a.name, a.currency, r.slot),
           format('it holds %s stroops, below its floor of %s', held, a.floor_stroops)
    FROM rebuilt r JOIN accounts a ON (a.name, a.currency) = (r.account, r.currency),
         LATERAL (SELECT CASE a.kind WHEN 'liability' THEN -r.total ELSE r.total END AS held) _
    WHERE held < a.floor_stroops
    UNION ALL
    SELECT 'no_overdraft', format('%s %s', r.account, r.currency),
           'it is not known, or not with the kind and the floor that its name says'
    FROM (SELECT DISTINCT account, currency FROM rebuilt) r
    LEFT JOIN accounts a ON (a.name, a.currency) = (r.account, r.currency),
         LATERAL (SELECT CASE split_part(r.account, ':', 1) WHEN 'expense' THEN 'expense'
             WHEN 'treasury' THEN 'asset' WHEN 'suspense' THEN 'asset' ELSE 'liability' END AS kind
         ) named
    WHERE a.kind IS DISTINCT FROM named.kind
       OR a.floor_stroops IS DISTINCT FROM CASE named.kind WHEN 'asset' THEN NULL::bigint ELSE 0 END
    """,
)

# Adjustments and resolutions are about breaks between journal and chain, and no part of a payment's obligation.
_OBLIGATIONS = (
    """
    posted AS MATERIALIZED (
        SELECT e.payment_id, max(e.posted_at) AS changed_at,
            bool_or(e.currency <> 'USDC') AS foreign_currency,
            coalesce(sum(g.amount_stroops)
                FILTER (WHERE e.kind = 'accrual' AND g.account ^@ 'expense:'), 0) AS accrued,
            coalesce(-sum(g.amount_stroops)
                FILTER (WHERE e.kind <> 'accrual' AND g.account ^@ 'expense:'), 0) AS reversed,
            coalesce(-sum(g.amount_stroops) FILTER (WHERE g.account ^@ 'payable:'), 0) AS pending,
            coalesce(-sum(g.amount_stroops) FILTER (WHERE g.account ^@ 'reserved:'), 0)
                AS reserved,
            coalesce(-sum(g.amount_stroops) FILTER (WHERE g.account ^@ 'treasury:'), 0) AS paid
        FROM entries e JOIN postings g ON g.entry_id = e.id
        WHERE e.kind NOT IN ('adjustment', 'resolution') GROUP BY e.payment_id
    ), obligation AS MATERIALIZED (
        SELECT p.id, p.status, p.amount_stroops AS amount, posted.*
        FROM payments p LEFT JOIN posted ON posted.payment_id = p.id
    ), judged AS MATERIALIZED (
        SELECT payment_id, outage_id, abs(amount_stroops) AS amount, o.status NOT IN ('declared', 'cancelled', 'voided')
               AND revision = max(revision) OVER (PARTITION BY outage_id) AS newest
        FROM sla_results r JOIN outages o ON o.id = r.outage_id WHERE payment_id IS NOT NULL
    ),
    """,
    """
    SELECT 'obligation_lifecycle', id, CASE
        WHEN payment_id IS NULL OR accrued <> amount
        THEN format('%s stroops are owed and %s were accrued', amount, coalesce(accrued, 0))
        ELSE format('of %s stroops %s are pending, %s reserved, %s paid, %s reversed',
                    amount, pending, reserved, paid, reversed) END
    FROM obligation
    WHERE payment_id IS NULL OR accrued <> amount
       OR pending + reserved + paid + reversed <> amount
       OR least(pending, reserved, paid, reversed) <> 0
       OR greatest(pending, reserved, paid, reversed) <> amount
    UNION ALL
    SELECT 'obligation_lifecycle', payment_id, 'it is posted in another currency than it is paid in'
    FROM posted WHERE foreign_currency
    UNION ALL
    SELECT 'obligation_lifecycle', id, format('it is %s and %s stroops are reserved', status, reserved)
    FROM obligation
    WHERE status IN ('prepared', 'submitted', 'quarantined') AND reserved <> amount
       OR status IN ('pending', 'confirmed') AND reserved <> 0
    UNION ALL
    SELECT 'obligation_lifecycle', coalesce(f.payment_id, l.payment_id), CASE
        WHEN f.payment_id IS NULL THEN 'it is posted, and no verdict owes it'
        ELSE format('a verdict %s; %s of its %s stroops are pending, %s reversed', CASE
            WHEN newest THEN 'that is the newest' ELSE 'that was replaced or taken back' END,
            coalesce(pending, 0), amount, coalesce(reversed, 0)) END
    FROM judged f FULL JOIN posted l ON l.payment_id = f.payment_id
    WHERE NOT EXISTS (
        SELECT FROM payments p WHERE p.id = coalesce(f.payment_id, l.payment_id)
    ) AND (f.payment_id IS NULL
        OR coalesce(pending, 0) <> CASE WHEN newest THEN amount ELSE 0 END
        OR coalesce(reversed, 0) <> CASE WHEN newest THEN 0 ELSE amount END)
    UNION ALL
    SELECT 'payments_match_settlements', id, format('it is %s and %s of %s stroops are paid', status, paid, amount)
    FROM obligation WHERE paid <> CASE status WHEN 'confirmed' THEN amount ELSE 0 END
    UNION ALL
    SELECT 'no_payment_while_disputed', p.id, format('dispute %s of its outage is %s', d.id, d.status)
    FROM payments p JOIN disputes d USING (outage_id) WHERE d.decided_at IS NULL AND p.revision >= d.revision
    UNION ALL
    SELECT 'settlements_authorised', id, 'it is reserved, and no signed bytes could pay it'
    FROM obligation WHERE reserved > 0 AND NOT EXISTS (
        SELECT FROM allocations s JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
        JOIN envelopes v ON (v.payment_id, v.n) = (s.lead_payment_id, s.n)
        WHERE s.payment_id = obligation.id AND s.live AND a.max_ledger IS NOT NULL
    )
    UNION ALL
    SELECT 'overdue', id, format('%s since %s: %s stroops', status,
        to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), pending + reserved)
    FROM obligation WHERE pending + reserved > 0 AND changed_at < now() - CAST(:overdue AS interval)
    UNION ALL
    SELECT 'overdue', f.payment_id, format('judged, and no payment since %s: %s stroops',
        to_char(ended AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), f.amount)
    FROM judged f JOIN outages o ON o.id = f.outage_id, LATERAL (
        SELECT greatest(o.dispute_deadline, max(d.decision_deadline)) AS ended
        FROM disputes d WHERE d.outage_id = o.id
    ) window_of_disputes
    WHERE newest AND NOT EXISTS (SELECT FROM payments p WHERE p.id = f.payment_id)
      AND ended < now() - CAST(:overdue AS interval)
    UNION ALL
    """
    + closed_outages.RULE,
)

_SETTLEMENTS = (
    """
    settled AS MATERIALIZED (SELECT * FROM entries e WHERE kind = 'settlement'
        AND NOT EXISTS (SELECT FROM entries r WHERE r.corrects = e.id AND r.kind = 'reversal')),
    proven AS MATERIALIZED (
        SELECT s.payment_id, s.lead_payment_id, s.n, s.amount_stroops, min(v.signed_at) AS signed_at,
               bool_or(e.transaction_hash IN (v.hash, v.inner_hash) AND v.noop_reason = '') AS signed
        FROM allocations s JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
        JOIN envelopes v ON (v.payment_id, v.n) = (s.lead_payment_id, s.n)
        LEFT JOIN settled e ON e.payment_id = s.payment_id
        WHERE s.live AND a.status = 'succeeded' GROUP BY 1, 2, 3, 4
    ), manually_matched AS (
        SELECT a.payment_id, t.transaction_hash, (p.number, p.amount_stroops, p.from_address, p.to_address)
               = (t.number, t.amount_stroops, t.from_address, t.to_address) AS owed
        FROM manual_matches a JOIN chain_transfers t USING (position) JOIN payments p ON p.id = a.payment_id
    ),
    """,
    """
    SELECT 'payments_match_settlements', coalesce(p.id, e.payment_id), CASE
        WHEN e.id IS NULL THEN 'it is confirmed and the journal has no settlement of it'
        WHEN p.id IS NULL THEN format('settled by %s and not confirmed', e.id)
        ELSE format('%s names transaction %s and the payment %s',
                    e.id, e.transaction_hash, p.transaction_hash) END
    FROM (SELECT * FROM payments WHERE status = 'confirmed') p FULL JOIN settled e ON e.payment_id = p.id
    WHERE p.transaction_hash IS DISTINCT FROM e.transaction_hash
    UNION ALL
    SELECT 'payments_match_settlements', format('%s/%s', p.outage_id, p.revision),
           format('settled %s times: %s', count(*), string_agg(e.id, ', ' ORDER BY e.id))
    FROM settled e JOIN payments p ON p.id = e.payment_id
    GROUP BY p.outage_id, p.revision HAVING count(*) > 1
    UNION ALL
    SELECT 'payments_match_settlements', e.transaction_hash, format('claimed by %s attempts', count(DISTINCT (r.lead_payment_id, r.n)))
    FROM settled e JOIN proven r ON r.payment_id = e.payment_id GROUP BY e.transaction_hash
    HAVING (min(r.lead_payment_id), min(r.n)) <> (max(r.lead_payment_id), max(r.n))
    UNION ALL
    SELECT 'payments_match_settlements', e.payment_id, format('its allocation of transaction %s is %s of %s stroops',
           e.transaction_hash, r.amount_stroops, p.amount_stroops)
    FROM settled e JOIN proven r ON r.payment_id = e.payment_id
    JOIN payments p ON p.id = e.payment_id WHERE r.amount_stroops <> p.amount_stroops
    UNION ALL
    SELECT 'payments_match_settlements', coalesce(e.id, b.id), 'an adjustment entry and a closed break that do not belong together'
    FROM (SELECT id FROM entries WHERE kind = 'adjustment') e
    FULL JOIN (SELECT id, entry_id FROM breaks WHERE entry_id IS NOT NULL) b ON b.entry_id = e.id
    WHERE e.id IS NULL OR b.id IS NULL
    UNION ALL
    SELECT 'payments_match_settlements', coalesce(e.id, c.break_id), 'a resolution entry and a break resolution that do not belong together'
    FROM (SELECT id FROM entries WHERE kind = 'resolution') e FULL JOIN break_resolutions c ON c.entry_id = e.id
    WHERE e.id IS NULL OR c.break_id IS NULL
    UNION ALL
    SELECT 'settlements_authorised', e.payment_id, CASE
        WHEN h.payment_id IS NOT NULL THEN 'it was matched manually, and the out-of-band transfer differs from it'
        WHEN r.payment_id IS NULL THEN 'it is settled and none of its signed bytes are stored'
        WHEN NOT r.signed THEN format('no bytes that pay it are those of %s', e.transaction_hash)
        ELSE 'its bytes were signed after it was settled' END
    FROM settled e LEFT JOIN proven r ON r.payment_id = e.payment_id
    LEFT JOIN manually_matched h ON h.payment_id = e.payment_id
    WHERE CASE WHEN h.payment_id IS NULL
          THEN r.payment_id IS NULL OR NOT r.signed OR r.signed_at > e.posted_at
          ELSE r.payment_id IS NOT NULL OR h.owed IS NOT TRUE
               OR h.transaction_hash <> e.transaction_hash END
    """,
)

_APPEND_ONLY = (
    f"""
    guard (on_table, name, by_function, occasion, deferred, conditional, body) AS (VALUES {guards.ROWS}
    ), taken_back AS (
        SELECT c.id, c.kind, c.corrects, nullif(o.id, c.id) AS original, o.kind AS of_kind,
               (c.payment_id, c.currency) IS NOT DISTINCT FROM (o.payment_id, o.currency) AS same
        FROM entries c LEFT JOIN entries o ON o.id = c.corrects
        WHERE c.corrects IS NOT NULL OR c.kind IN ('release', 'reversal', 'correction')
    ),
    """,
    f"""
    {guards.BROKEN}
    UNION ALL
    SELECT 'journal_append_only', id, CASE
        WHEN original IS NULL THEN 'the entry it corrects does not exist, or is itself'
        WHEN same THEN format('it is a %s of %s, a %s', kind, corrects, of_kind)
        ELSE format('it is about %s, of another payment or currency', corrects) END
    FROM taken_back WHERE original IS NULL OR NOT same
       OR (kind = 'release') <> (of_kind = 'reservation')
       OR of_kind NOT IN ('reservation', 'accrual', 'correction', 'settlement')
       OR kind = 'correction' AND of_kind = 'settlement'
    UNION ALL
    SELECT DISTINCT 'journal_append_only', t.id, format('its postings are not those of %s, reversed', corrects)
    FROM (
        SELECT t.id, t.corrects FROM taken_back t
        JOIN postings p ON p.entry_id IN (t.id, t.corrects)
        WHERE t.kind IN ('release', 'reversal') AND t.original IS NOT NULL
        GROUP BY t.id, t.corrects, p.account HAVING sum(p.amount_stroops) <> 0
    ) t
    UNION ALL
    SELECT 'journal_append_only', max(id), format('%s was taken back %s times', corrects, count(*))
    FROM taken_back WHERE kind IN ('release', 'reversal') AND corrects IS NOT NULL
    GROUP BY corrects HAVING count(*) > 1
    UNION ALL
    SELECT 'journal_append_only', t.id, format('it puts right %s, which was not reversed', corrects)
    FROM taken_back t WHERE t.kind = 'correction' AND NOT EXISTS (
        SELECT FROM taken_back r WHERE r.corrects = t.corrects AND r.kind = 'reversal'
    )
    """,
)

_FAMILIES = [
    (text(_STATEMENT.format(sums=sums, rules=rules)), ":overdue" in rules)
    for sums, rules in (_ENTRIES, _BALANCES, _OBLIGATIONS, _SETTLEMENTS, _APPEND_ONLY)
]


async def check(
    connection: AsyncConnection,
    overdue: timedelta = timedelta(hours=24),
    named_max: int = NAMED_MAX,
) -> list[Violation]:
    """
    Check every invariant in the caller's transaction; an empty list means that none is violated.

    Obligations that have been pending or reserved for longer than `overdue` are returned as well. Each
    rule returns at most `named_max` violations, and one more that counts the rest.
    """
    await allow_long_reads(connection)
    violations = list[Violation]()
    for family, asks_overdue in _FAMILIES:
        parameters = {"named_max": named_max} | ({"overdue": overdue} if asks_overdue else {})
        for row in await connection.execute(family, parameters):
            late = row.rule == "overdue"
            invariant = Invariant.OBLIGATION_LIFECYCLE if late else Invariant(row.rule)
            violations.append(Violation(invariant, row.subject, row.detail, late))
            if row.place == named_max < row.total:
                more, rest = f"and {row.total - named_max} more", "of the same, not named here"
                violations.append(Violation(invariant, more, rest, late, unnamed=True))
    return violations
