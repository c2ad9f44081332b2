"""The triggers that hold the promises of the book, as the migrations made them."""

# The last migration: what it and those before it made is what stands below.
REVISION = "0027"
# Before what, or after what, as pg_trigger.tgtype says it: 26 is before update or delete, 10 before
# delete, 34 before truncate, 42 before delete or truncate, 19 before each row is updated; 5 and 21
# after each row.
_NEVER_CHANGED = (
    *("entries", "postings", "accounts", "envelopes", "submissions", "chain_transfers"),
    *("adoptions", "clearings", "audit_leaves", "events", "sla_results", "policies"),
)
_NEVER_EMPTIED = (*_NEVER_CHANGED, "balances", "payments", "breaks")

# On what table, under what name, by what function, when; whether it looks when all is written.
GUARDS = (
    *((table, f"{table}_are_immutable", "refuse_change", 26, False) for table in _NEVER_CHANGED),
    *(
        (table, f"{table}_are_never_emptied", "refuse_change", 34, False)
        for table in _NEVER_EMPTIED
    ),
    ("balances", "balances_are_never_deleted", "refuse_change", 10, False),
    ("payments", "payments_are_never_deleted", "refuse_change", 10, False),
    ("breaks", "breaks_are_never_deleted", "refuse_change", 10, False),
    ("chain_cursor", "chain_cursor_is_never_emptied", "refuse_change", 42, False),
    ("chain_gaps", "chain_gaps_are_never_emptied", "refuse_change", 42, False),
    ("payments", "payments_keep_their_facts", "refuse_new_facts", 19, False),
    ("breaks", "breaks_stay_closed", "refuse_reopening", 19, False),
    ("postings", "entry_balances", "check_entry_balances", 5, True),
    ("entries", "entry_has_postings", "check_entry_has_postings", 5, True),
    ("balances", "balances_keep_their_floor", "check_floor", 21, False),
)
# MD5 of what each function says: a guard that was given another mind still bears its name.
BODIES = {
    "check_entry_balances": "2084f4a0c24ea05a25c8218911227f8c",
    "refuse_change": "9f2139abcc57a4aa3011841c30540f28",
    "check_entry_has_postings": "90a8a75c2b5b5408c326a491ec11b875",
    "check_floor": "d425825e19a45e69528bbe25cfccdd43",
    "refuse_new_facts": "59876b0a1e007b91f8499c534d9109d4",
    "refuse_reopening": "616d851403eacdafe807bd4ab9f6c1f6",
}

# The same as rows of SQL; nothing in them comes from outside.
ROWS = ", ".join(
    f"('{table}', '{name}', '{function}', {occasion}, {deferred}, '{BODIES[function]}')"
    for table, name, function, occasion, deferred in GUARDS
)

# What of them is not as it was made, as SQL over rows named guard. One that looks only sometimes, only at
# some columns, or through tables that anybody can make is none.
BROKEN = """
    SELECT 'immutable', guard.name, CASE WHEN t.oid IS NULL THEN 'the trigger is missing'
        ELSE 'the trigger is switched off or not as it was made' END
    FROM guard LEFT JOIN pg_trigger t
        ON t.tgrelid = to_regclass(guard.on_table) AND t.tgname = guard.name
    LEFT JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A') OR f.proname <> guard.by_function
       OR t.tgtype <> guard.occasion OR t.tginitdeferred <> guard.deferred
       OR t.tgqual IS NOT NULL OR t.tgattr <> '' OR md5(f.prosrc) <> guard.body
       OR NOT coalesce(array_to_string(f.proconfig, ';') ~ 'search_path=[^;]*pg_temp(;|$)', false)
    UNION ALL
    SELECT 'immutable', 'session_replication_role', 'whoever connects here passes by every trigger'
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND setting ~ '^session_replication_role=' AND setting !~ '=origin$'
"""
