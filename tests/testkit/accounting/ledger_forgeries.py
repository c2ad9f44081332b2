"""Forgeries of the journal: each keeps what is easily checked intact, and violates one invariant."""

from tests.testkit.accounting.ledger_corruptions import (
    IN_FLIGHT,
    OWED,
    SETTLED,
    copy_entry,
    make_entry_id,
    make_payee,
    make_payment_id,
)

# Whoever may change entries can make every balance fit them.
FITTED = [
    "DELETE FROM balances",
    """
    INSERT INTO accounts SELECT DISTINCT p.account, e.currency, a.kind, a.floor_stroops
    FROM postings p JOIN entries e ON e.id = p.entry_id JOIN accounts a ON a.name = p.account
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO balances SELECT p.account, e.currency, e.slot, sum(p.amount_stroops)
    FROM postings p JOIN entries e ON e.id = p.entry_id GROUP BY 1, 2, 3
    """,
]


def _replace_guard(occasion: str) -> list[str]:
    return [
        "DROP TRIGGER entries_are_immutable ON entries",
        f"CREATE TRIGGER entries_are_immutable BEFORE {occasion} EXECUTE FUNCTION refuse_change()",
    ]


def _copy_accrual(amount: str, **changes: str) -> list[str]:
    """SQL that posts an accrual once more, or its opposite."""
    new = changes.pop("new")
    copied = copy_entry(make_entry_id(OWED, "accrual"), new, **changes)
    return [*copied, f"UPDATE postings SET amount_stroops = {amount} WHERE entry_id = '{new}'"]


FORGERIES: dict[str, tuple[str, str, list[str]]] = {
    "a closed outage whose payment is on its way": (
        *("closed_outages_paid", f"OUT-{IN_FLIGHT}"),
        [f"UPDATE outages SET status = 'closed' WHERE id = 'OUT-{IN_FLIGHT}'"],
    ),
    "a closed outage that nobody paid": (
        *("closed_outages_paid", "OUT-x"),
        [
            (
                "INSERT INTO outages (id, status, severity, site_name, description,"
                " affected_services, detected_at, declared_at, fingerprint, correlation_id,"
                " agreement, agreement_version, policy, policy_version) VALUES ('OUT-x', 'closed',"
                " 'low', 'Mast', '', '[]', now(), now(), '', '', 'default', 1, 'standard', 1)"
            )
        ],
    ),
    "a guard that never looks": (
        *("journal_append_only", "entries_are_immutable"),
        _replace_guard("UPDATE OR DELETE ON entries FOR EACH STATEMENT WHEN (false)"),
    ),
    "a guard of one column": (
        *("journal_append_only", "entries_are_immutable"),
        _replace_guard("DELETE OR UPDATE OF posted_at ON entries FOR EACH STATEMENT"),
    ),
    "a guard of another mind": (
        *("journal_append_only", "accounts_are_immutable"),
        [
            (
                "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
                " SET search_path = public, pg_temp AS 'BEGIN RETURN NULL; END'"
            )
        ],
    ),
    "a guard that can be led astray": (
        *("journal_append_only", "entry_balances"),
        ["ALTER FUNCTION check_entry_balances() RESET search_path"],
    ),
    "no guards for whoever connects": (
        *("journal_append_only", "session_replication_role"),
        [
            (
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role ="
                " replica', current_database()); END $$"
            )
        ],
    ),
    "no guard of what proves a payment": (
        *("journal_append_only", "payments_keep_their_terms"),
        ["ALTER TABLE payments DISABLE TRIGGER payments_keep_their_terms"],
    ),
    "no guard of what was signed": (
        *("journal_append_only", "envelopes_are_immutable"),
        ["DROP TRIGGER envelopes_are_immutable ON envelopes"],
    ),
    "no guard of what the contract has to say": (
        *("journal_append_only", "payment_is_attested"),
        ["DROP TRIGGER payment_is_attested ON payments"],
    ),
    "no guard of how far the chain was read": (
        *("journal_append_only", "chain_cursor_only_goes_on"),
        ["DROP TRIGGER chain_cursor_only_goes_on ON chain_cursor"],
    ),
    "an entry that puts itself right": (
        *("journal_append_only", "ent_x"),
        [
            *_copy_accrual("amount_stroops", new="ent_x", kind="'correction'", corrects="'ent_x'"),
            *_copy_accrual("-amount_stroops", new="ent_y", kind="'reversal'", corrects="'ent_x'"),
        ],
    ),
    "a release of what was never reserved": (
        *("journal_append_only", "ent_x"),
        [*_copy_accrual("-amount_stroops", new="ent_x", kind="'release'", corrects="id"), *FITTED],
    ),
    "a payment by bytes that nobody signed": (
        *("settlements_authorised", make_payment_id(SETTLED)),
        [
            f"UPDATE entries SET transaction_hash = 'x' WHERE id = '{make_entry_id(SETTLED, 'settlement')}'",
            f"UPDATE payments SET transaction_hash = 'x' WHERE id = '{make_payment_id(SETTLED)}'",
        ],
    ),
    "a payment by bytes that pay nobody": (
        *("settlements_authorised", make_payment_id(SETTLED)),
        [
            f"UPDATE envelopes SET noop_reason = 'why', noop_reason_code = 'payee_missing' WHERE payment_id = '{make_payment_id(SETTLED)}'"
        ],
    ),
    "a reservation whose bytes are lost": (
        *("settlements_authorised", make_payment_id(IN_FLIGHT)),
        [f"DELETE FROM envelopes WHERE payment_id = '{make_payment_id(IN_FLIGHT)}'"],
    ),
    "a debt in another currency": (
        *("obligation_lifecycle", make_payment_id(OWED)),
        [
            f"UPDATE entries SET currency = 'EURC' WHERE payment_id = '{make_payment_id(OWED)}'",
            *FITTED,
        ],
    ),
    "a floor that was taken away": (
        *("no_overdraft", f"payable:{make_payee(OWED)} USDC"),
        [f"UPDATE accounts SET floor_stroops = NULL WHERE name = 'payable:{make_payee(OWED)}'"],
    ),
    "a debt that is called a possession": (
        *("no_overdraft", f"payable:{make_payee(OWED)} USDC"),
        [
            (
                "UPDATE accounts SET kind = 'asset', floor_stroops = NULL"
                f" WHERE name = 'payable:{make_payee(OWED)}'"
            )
        ],
    ),
    "an account that nobody knows": (
        *("no_overdraft", "treasury:GPOOL USDC"),
        ["DELETE FROM accounts WHERE name = 'treasury:GPOOL'"],
    ),
    "a closing of no break": (
        *("payments_match_settlements", "ent_x"),
        [
            (
                "INSERT INTO entries (id, kind, currency, lines, slot)"
                " VALUES ('ent_x', 'adjustment', 'USDC', 2, 0)"
            ),
            (
                "INSERT INTO postings VALUES ('ent_x', 1, 'treasury:GBOND', 5),"
                " ('ent_x', 2, 'suspense:reconciliation', -5)"
            ),
            "INSERT INTO accounts VALUES ('suspense:reconciliation', 'USDC', 'asset', NULL)",
            *FITTED,
        ],
    ),
    "an manual_match of what the engine paid itself": (
        *("settlements_authorised", make_payment_id(SETTLED)),
        [
            (
                "INSERT INTO chain_transfers SELECT 'x', 'transfer', transaction_hash, 1, now(),"
                f" from_address, to_address, number, amount_stroops FROM payments WHERE id = '{make_payment_id(SETTLED)}'"
            ),
            f"INSERT INTO manual_matches VALUES ('{make_payment_id(SETTLED)}', 'x', 'ada', 'x', now())",
        ],
    ),
    "a clearing of nothing": (
        *("payments_match_settlements", "ent_x"),
        [
            (
                "INSERT INTO entries (id, kind, currency, lines, slot)"
                " VALUES ('ent_x', 'resolution', 'USDC', 2, 0)"
            ),
            (
                "INSERT INTO postings VALUES ('ent_x', 1, 'treasury:GBOND', 5),"
                " ('ent_x', 2, 'suspense:reconciliation', -5)"
            ),
            "INSERT INTO accounts VALUES ('suspense:reconciliation', 'USDC', 'asset', NULL)",
            *FITTED,
        ],
    ),
    "a break closed by the entry of a payment": (
        *("payments_match_settlements", "brk_x"),
        [
            (
                "INSERT INTO breaks (id, kind, subject, detail, journal_stroops, chain_stroops, found_at,"
                " last_seen_at, status, closed_at, closed_by, note, adjustment, entry_id)"
                " VALUES ('brk_x', 'unexpected_outflow', 'x', 'x', 0, 1, now(), now(), 'closed', now(), 'ada',"
                f" 'x', 'suspense', '{make_entry_id(SETTLED, 'settlement')}')"
            )
        ],
    ),
}
