"""Corruptions of the journal: for each, the invariant it violates, the subject that is named, and its SQL."""

from hashlib import md5

from devstack.bench import seed_journal
from domain.accounting.postings import SLOTS

# Skips all triggers, foreign keys and deferred checks until the transaction ends.
WITHOUT_GUARDS = "SET LOCAL session_replication_role = replica"
# By the last two digits of its number: settled, settled at the second attempt, in flight, owed.
SETTLED, TWICE, IN_FLIGHT, OWED = 1, 90, 95, 97


def make_payment_id(number: int) -> str:
    return f"pay_{md5(f'pay{number}'.encode()).hexdigest()[:24]}"


def make_entry_id(number: int, name: str) -> str:
    return f"ent_{md5(f'{make_payment_id(number)}{name}'.encode()).hexdigest()[:24]}"


def make_transaction_hash(number: int) -> str:
    return "".join(md5(f"{letter}{number}".encode()).hexdigest() for letter in "ab")


def make_payee(number: int) -> str:
    name = md5(f"payee{number % seed_journal.PAYEES}".encode()).hexdigest().upper()
    return f"G{name.ljust(55, 'A')}"


def copy_entry(of: str, new: str, payment: str = "payment_id", **changes: str) -> list[str]:
    """SQL that posts an entry once more under another id."""
    values = {
        "id": f"'{new}'",
        "kind": "kind",
        "payment_id": payment,
        "currency": "currency",
        "lines": "lines",
        "slot": "slot",
        "corrects": "corrects",
        "transaction_hash": "transaction_hash",
    } | changes
    return [
        (
            f"INSERT INTO entries ({', '.join(values)}) SELECT {', '.join(values.values())}"
            f" FROM entries WHERE id = '{of}'"
        ),
        (
            f"INSERT INTO postings SELECT '{new}', line, account, amount_stroops"
            f" FROM postings WHERE entry_id = '{of}'"
        ),
    ]


def insert_verdict(number: int, revision: int, payment_id: str) -> str:
    """SQL that judges an outage to owe 5 stroops."""
    return (
        "INSERT INTO sla_results (outage_id, revision, severity, status, payment_type, rating,"
        " mttr_minutes, mttr_basis, threshold_minutes, amount_stroops, policy, policy_version,"
        f" policy_digest, judged_at, payment_id) VALUES ('OUT-{number}', {revision}, 'critical',"
        " 'violated', 'penalty', 'poor', 16, 'measured', 15, -5, 'standard', 1, 'x', now(),"
        f" '{payment_id}')"
    )


CORRUPTIONS: dict[str, tuple[str, str, list[str]]] = {
    "an amount that was changed": (
        *("entries_balance", make_entry_id(SETTLED, "accrual")),
        [
            (
                "UPDATE postings SET amount_stroops = amount_stroops + 1 WHERE line = 1"
                f" AND entry_id = '{make_entry_id(SETTLED, 'accrual')}'"
            )
        ],
    ),
    "a posting that is missing": (
        *("entries_balance", make_entry_id(SETTLED, "accrual")),
        [
            f"DELETE FROM postings WHERE entry_id = '{make_entry_id(SETTLED, 'accrual')}' AND line = 2"
        ],
    ),
    "two postings that were added and cancel out": (
        *("entries_balance", make_entry_id(SETTLED, "accrual")),
        [
            (
                f"INSERT INTO postings VALUES ('{make_entry_id(SETTLED, 'accrual')}', 3, 'treasury:GBOND', 7),"
                f" ('{make_entry_id(SETTLED, 'accrual')}', 4, 'treasury:GPOOL', -7)"
            )
        ],
    ),
    "an entry without postings": (
        *("entries_balance", make_entry_id(OWED, "accrual")),
        [f"DELETE FROM postings WHERE entry_id = '{make_entry_id(OWED, 'accrual')}'"],
    ),
    "postings without an entry": (
        *("entries_balance", make_entry_id(OWED, "accrual")),
        [f"DELETE FROM entries WHERE id = '{make_entry_id(OWED, 'accrual')}'"],
    ),
    "money out of nothing": (
        *("trial_balance_zero", "USDC"),
        [
            (
                "UPDATE postings SET amount_stroops = amount_stroops + 1 WHERE line = 1"
                f" AND entry_id = '{make_entry_id(SETTLED, 'accrual')}'"
            )
        ],
    ),
    "a balance that was changed": (
        *("balances_match_postings", "treasury:GPOOL USDC part 3"),
        [
            (
                "UPDATE balances SET amount_stroops = amount_stroops + 1"
                " WHERE account = 'treasury:GPOOL' AND slot = 3"
            )
        ],
    ),
    "a balance that is missing": (
        *("balances_match_postings", "treasury:GPOOL USDC part 3"),
        ["DELETE FROM balances WHERE account = 'treasury:GPOOL' AND slot = 3"],
    ),
    "a balance of nothing": (
        *("balances_match_postings", f"suspense:nothing USDC part {SLOTS - 1}"),
        [f"INSERT INTO balances VALUES ('suspense:nothing', 'USDC', {SLOTS - 1}, 5)"],
    ),
    "more reserved than was owed": (
        *("no_overdraft", f"payable:{make_payee(OWED)} USDC part 15"),
        [
            (
                "INSERT INTO entries (id, kind, payment_id, currency, lines, slot)"
                f" VALUES ('ent_x', 'reservation', '{make_payment_id(OWED)}', 'USDC', 2, 15)"
            ),
            (
                f"INSERT INTO postings VALUES ('ent_x', 1, 'payable:{make_payee(OWED)}', 90000000000),"
                f" ('ent_x', 2, 'reserved:{make_payee(OWED)}', -90000000000)"
            ),
        ],
    ),
    "a guard that is switched off": (
        *("journal_append_only", "postings_are_immutable"),
        ["ALTER TABLE postings DISABLE TRIGGER postings_are_immutable"],
    ),
    "a guard that is gone": (
        *("journal_append_only", "entry_balances"),
        ["DROP TRIGGER entry_balances ON postings"],
    ),
    "a guard that looks away": (
        *("journal_append_only", "entries_are_immutable"),
        [
            (
                "CREATE FUNCTION look_away() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END'"
            ),
            "DROP TRIGGER entries_are_immutable ON entries",
            (
                "CREATE TRIGGER entries_are_immutable BEFORE UPDATE OR DELETE ON entries"
                " FOR EACH STATEMENT EXECUTE FUNCTION look_away()"
            ),
        ],
    ),
    "a guard on fewer occasions": (
        *("journal_append_only", "entries_are_immutable"),
        [
            "DROP TRIGGER entries_are_immutable ON entries",
            (
                "CREATE TRIGGER entries_are_immutable BEFORE UPDATE ON entries"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            ),
        ],
    ),
    "a release of what never was": (
        *("journal_append_only", make_entry_id(TWICE, "release1")),
        [
            f"UPDATE entries SET corrects = 'ent_none' WHERE id = '{make_entry_id(TWICE, 'release1')}'"
        ],
    ),
    "a release of somebody else's reservation": (
        *("journal_append_only", make_entry_id(TWICE, "release1")),
        [
            (
                f"UPDATE entries SET corrects = '{make_entry_id(SETTLED, 'reservation1')}'"
                f" WHERE id = '{make_entry_id(TWICE, 'release1')}'"
            )
        ],
    ),
    "a release of another amount": (
        *("journal_append_only", make_entry_id(TWICE, "release1")),
        [
            (
                "UPDATE postings SET amount_stroops = amount_stroops * 2"
                f" WHERE entry_id = '{make_entry_id(TWICE, 'release1')}'"
            )
        ],
    ),
    "a reservation given back twice": (
        *("journal_append_only", "ent_x"),
        [
            "DROP INDEX uq_entries_taken_back",
            *copy_entry(make_entry_id(TWICE, "release1"), "ent_x"),
        ],
    ),
    "a correction of what was not reversed": (
        *("journal_append_only", "ent_x"),
        copy_entry(make_entry_id(OWED, "accrual"), "ent_x", kind="'correction'", corrects="id"),
    ),
    "a payment confirmed and not settled": (
        *("payments_match_settlements", make_payment_id(SETTLED)),
        [
            f"DELETE FROM postings WHERE entry_id = '{make_entry_id(SETTLED, 'settlement')}'",
            f"DELETE FROM entries WHERE id = '{make_entry_id(SETTLED, 'settlement')}'",
        ],
    ),
    "a settlement by another transaction": (
        *("payments_match_settlements", make_payment_id(SETTLED)),
        [
            f"UPDATE entries SET transaction_hash = 'x' WHERE id = '{make_entry_id(SETTLED, 'settlement')}'"
        ],
    ),
    "a settlement of what is not confirmed": (
        *("payments_match_settlements", make_payment_id(IN_FLIGHT)),
        copy_entry(
            make_entry_id(SETTLED, "settlement"), "ent_x", f"'{make_payment_id(IN_FLIGHT)}'"
        ),
    ),
    "an outage settled twice": (
        *("payments_match_settlements", f"OUT-{SETTLED}/1"),
        ["DROP INDEX uq_entries_once", *copy_entry(make_entry_id(SETTLED, "settlement"), "ent_x")],
    ),
    "one transaction for two attempts": (
        *("payments_match_settlements", make_transaction_hash(SETTLED)),
        [
            (
                f"UPDATE entries SET transaction_hash = '{make_transaction_hash(SETTLED)}'"
                f" WHERE id = '{make_entry_id(SETTLED + 1, 'settlement')}'"
            )
        ],
    ),
    "another amount on the chain": (
        *("payments_match_settlements", make_payment_id(SETTLED)),
        [
            f"UPDATE allocations SET amount_stroops = 5 WHERE payment_id = '{make_payment_id(SETTLED)}'"
        ],
    ),
    "another amount owed": (
        *("obligation_lifecycle", make_payment_id(OWED)),
        [f"UPDATE payments SET amount_stroops = 5 WHERE id = '{make_payment_id(OWED)}'"],
    ),
    "a debt that was never accrued": (
        *("obligation_lifecycle", make_payment_id(OWED)),
        [
            f"DELETE FROM postings WHERE entry_id = '{make_entry_id(OWED, 'accrual')}'",
            f"DELETE FROM entries WHERE id = '{make_entry_id(OWED, 'accrual')}'",
        ],
    ),
    "a verdict that was never accrued": (
        *("obligation_lifecycle", "pay_x"),
        [insert_verdict(OWED, 2, "pay_x")],
    ),
    "a verdict that was replaced and is still owed": (
        *("obligation_lifecycle", "pay_x"),
        [
            *(insert_verdict(OWED, 2, "pay_x"), insert_verdict(OWED, 3, "pay_y")),
            *copy_entry(make_entry_id(OWED, "accrual"), "ent_x", "'pay_x'"),
        ],
    ),
    "a debt that no verdict foresaw": (
        *("obligation_lifecycle", "pay_x"),
        copy_entry(make_entry_id(OWED, "accrual"), "ent_x", "'pay_x'"),
    ),
    "a debt both reserved and paid": (
        *("obligation_lifecycle", make_payment_id(SETTLED)),
        copy_entry(make_entry_id(SETTLED, "reservation1"), "ent_x"),
    ),
    "a reservation that was forgotten": (
        *("obligation_lifecycle", make_payment_id(IN_FLIGHT)),
        [f"UPDATE payments SET status = 'pending' WHERE id = '{make_payment_id(IN_FLIGHT)}'"],
    ),
    "money in flight that nothing reserved": (
        *("obligation_lifecycle", make_payment_id(OWED)),
        [f"UPDATE payments SET status = 'submitted' WHERE id = '{make_payment_id(OWED)}'"],
    ),
    "a reservation for no bytes": (
        *("settlements_authorised", make_payment_id(IN_FLIGHT)),
        [
            f"UPDATE attempts SET max_ledger = NULL WHERE payment_id = '{make_payment_id(IN_FLIGHT)}'"
        ],
    ),
    "a settlement by bytes that were not kept": (
        *("settlements_authorised", make_payment_id(SETTLED)),
        [f"DELETE FROM envelopes WHERE payment_id = '{make_payment_id(SETTLED)}'"],
    ),
    "a settlement before its bytes": (
        *("settlements_authorised", make_payment_id(SETTLED)),
        [
            (
                "UPDATE envelopes SET signed_at = now() + interval '1 h'"
                f" WHERE payment_id = '{make_payment_id(SETTLED)}'"
            )
        ],
    ),
}
