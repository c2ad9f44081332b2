"""SQL that compares a database's triggers and functions with those that the baseline creates."""

from adapters.postgres.accounting.guard_digests import BODIES, GUARDS, REVISION

__all__ = ["BROKEN", "REVISION", "ROWS"]

# The expected guards as rows of SQL, all from constants of this program.
ROWS = ", ".join(
    f"('{table}', '{name}', '{function}', {occasion}, {deferred}, {conditional},"
    f" '{BODIES[function]}')"
    for table, name, function, occasion, deferred, conditional in GUARDS
)

# SQL over rows named guard: returns every guard that is not as the baseline created it. A trigger that
# fires only under a condition, only for some columns, or reads temporary tables guards nothing.
BROKEN = """
    SELECT 'journal_append_only', guard.name, CASE WHEN t.oid IS NULL THEN 'the trigger is missing'
        ELSE 'the trigger is switched off or not as it was made' END
    FROM guard LEFT JOIN pg_trigger t
        ON t.tgrelid = to_regclass(guard.on_table) AND t.tgname = guard.name
    LEFT JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A') OR f.proname <> guard.by_function
       OR t.tgtype <> guard.occasion OR t.tginitdeferred <> guard.deferred
       OR (t.tgqual IS NOT NULL) <> guard.conditional OR t.tgattr <> ''
       OR encode(sha256(convert_to(f.prosrc, 'UTF8')), 'hex') <> guard.body
       OR NOT coalesce(array_to_string(f.proconfig, ';') ~ 'search_path=[^;]*pg_temp(;|$)', false)
    UNION ALL
    SELECT 'journal_append_only', 'session_replication_role', 'whoever connects here passes by every trigger'
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND setting ~ '^session_replication_role=' AND setting !~ '=origin$'
"""
