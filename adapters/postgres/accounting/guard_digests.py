"""
The guards that the baseline creates, with which an integrity check compares a database.

Written by `make baseline` from migrations/sql; change those files and not this one.
"""

# The migration that creates them.
REVISION = "0001_c10f1cb0d8c0"

# Table, name and function of each trigger; pg_trigger.tgtype (1 for each row, 2 before, 4 insert,
# 8 delete, 16 update, 32 truncate); whether it is deferred to the end of the transaction; whether it
# has a condition.
GUARDS = (
    ("accounts", "accounts_are_immutable", "refuse_change", 26, False, False),
    ("accounts", "accounts_are_never_emptied", "refuse_change", 34, False, False),
    ("agreement_coverages", "agreement_coverages_are_immutable", "refuse_change", 26, False, False),
    (
        "agreement_coverages",
        "agreement_coverages_are_never_emptied",
        "refuse_change",
        34,
        False,
        False,
    ),
    ("agreement_versions", "agreement_versions_are_immutable", "refuse_change", 26, False, False),
    (
        "agreement_versions",
        "agreement_versions_are_never_emptied",
        "refuse_change",
        34,
        False,
        False,
    ),
    ("maintenance_windows", "maintenance_windows_are_immutable", "refuse_change", 26, False, False),
    (
        "maintenance_windows",
        "maintenance_windows_are_never_emptied",
        "refuse_change",
        34,
        False,
        False,
    ),
    ("manual_matches", "manual_matches_are_immutable", "refuse_change", 26, False, False),
    ("manual_matches", "manual_matches_are_never_emptied", "refuse_change", 34, False, False),
    ("audit_entries", "audit_entries_are_immutable", "refuse_change", 26, False, False),
    ("audit_entries", "audit_entries_are_never_emptied", "refuse_change", 34, False, False),
    ("balances", "balances_are_never_deleted", "refuse_change", 10, False, False),
    ("balances", "balances_are_never_emptied", "refuse_change", 34, False, False),
    ("balances", "balances_keep_their_floor", "check_floor", 21, False, False),
    ("breaks", "breaks_are_never_deleted", "refuse_change", 10, False, False),
    ("breaks", "breaks_are_never_emptied", "refuse_change", 34, False, False),
    ("breaks", "breaks_stay_closed", "refuse_reopening", 19, False, False),
    ("chain_cursor", "chain_cursor_is_never_emptied", "refuse_change", 42, False, False),
    ("chain_cursor", "chain_cursor_only_goes_on", "refuse_change", 19, False, True),
    ("chain_gaps", "chain_gaps_are_never_emptied", "refuse_change", 42, False, False),
    ("chain_gaps", "chain_gaps_only_grow", "refuse_change", 19, False, True),
    ("chain_transfers", "chain_transfers_are_immutable", "refuse_change", 26, False, False),
    ("chain_transfers", "chain_transfers_are_never_emptied", "refuse_change", 34, False, False),
    ("break_resolutions", "break_resolutions_are_immutable", "refuse_change", 26, False, False),
    ("break_resolutions", "break_resolutions_are_never_emptied", "refuse_change", 34, False, False),
    ("entries", "entries_are_immutable", "refuse_change", 26, False, False),
    ("entries", "entries_are_never_emptied", "refuse_change", 34, False, False),
    ("entries", "entry_has_postings", "check_entry_has_postings", 5, True, False),
    ("envelopes", "envelopes_are_immutable", "refuse_change", 26, False, False),
    ("envelopes", "envelopes_are_never_emptied", "refuse_change", 34, False, False),
    ("events", "events_are_immutable", "refuse_change", 26, False, False),
    ("events", "events_are_never_emptied", "refuse_change", 34, False, False),
    ("payments", "payment_is_attested", "check_payment_is_attested", 7, False, False),
    ("payments", "payments_are_never_deleted", "refuse_change", 10, False, False),
    ("payments", "payments_are_never_emptied", "refuse_change", 34, False, False),
    ("payments", "payments_keep_their_terms", "refuse_new_terms", 19, False, False),
    ("policies", "policies_are_immutable", "refuse_change", 26, False, False),
    ("policies", "policies_are_never_emptied", "refuse_change", 34, False, False),
    ("postings", "entry_balances", "check_entry_balances", 5, True, False),
    ("postings", "postings_are_immutable", "refuse_change", 26, False, False),
    ("postings", "postings_are_never_emptied", "refuse_change", 34, False, False),
    ("restorations", "restorations_are_immutable", "refuse_change", 26, False, False),
    ("restorations", "restorations_are_never_emptied", "refuse_change", 34, False, False),
    ("sla_results", "sla_results_are_immutable", "refuse_change", 26, False, False),
    ("sla_results", "sla_results_are_never_emptied", "refuse_change", 34, False, False),
    ("submissions", "submissions_are_immutable", "refuse_change", 26, False, False),
    ("submissions", "submissions_are_never_emptied", "refuse_change", 34, False, False),
)

# SHA-256 of the body of each function, because a changed function keeps its name.
BODIES = {
    "check_entry_balances": "2059d3424baa46b69fd329202c7c11f41bc765b37ddf0a61ef4264fdb74f1dd1",
    "check_entry_has_postings": "2f8b40c902698762b3f3aa2cb6da95aa2e56141cbd5d741caefe22d16032de0b",
    "check_floor": "295015246b403a85e786826539aec2a26876fd5d85e390d1522b364f35fc1bc3",
    "check_payment_is_attested": "77fe7da0f8f7d163edbda91c5afad15def7b58757a660dda37227ec206034545",
    "refuse_change": "2d435742e27af87eb5312eca3543c0a0668763f0d679a815379e9a85dc4120e0",
    "refuse_new_terms": "b87a43ecdd284e59adc3a6ac63b0b21c4188491fb795de37375208827b8150b3",
    "refuse_reopening": "6b43358a2830a5386346ee98f53a4d80bac8a906720c5b909c086f0ce6ca7a6e",
}
