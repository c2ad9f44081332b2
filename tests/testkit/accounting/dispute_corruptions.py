"""Corruptions of what is owed and of what is disputed, which the journal alone does not show."""

from tests.testkit.accounting.ledger_corruptions import OWED, make_payment_id

CORRUPTIONS = {
    "a payment that is owed while its outage is disputed": (
        *("no_payment_while_disputed", make_payment_id(OWED)),
        [
            (
                "INSERT INTO disputes (id, outage_id, revision, status, reason, filed_by, created_at,"
                " decision_deadline) SELECT 'dsp_x', outage_id, revision, 'open', 'x', 'x', now(), now()"
                f" FROM payments WHERE id = '{make_payment_id(OWED)}'"
            )
        ],
    ),
}
