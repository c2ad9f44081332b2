"""
What proves a payment is guarded like the book, and an entry takes back all of another or nothing.

Signed bytes, answers to sends, confirmed payments and closed breaks are what entries and people rely
on. The functions behind the triggers look at the book's own tables, whatever else bears their name.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

WHOLE = """
CREATE OR REPLACE FUNCTION check_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    booked record;
BEGIN
    SELECT sum(amount_stroops) AS total, count(*) AS lines INTO booked
    FROM postings WHERE entry_id = NEW.entry_id;
    IF booked.total IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'entry % does not balance', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    IF booked.lines IS DISTINCT FROM (SELECT lines FROM entries WHERE id = NEW.entry_id) THEN
        RAISE EXCEPTION 'entry % has another number of postings than it says', NEW.entry_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION check_entry_has_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    original record;
BEGIN
    IF NOT EXISTS (SELECT FROM postings WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % has no postings', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.corrects IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT id, kind, payment_id, currency, slot INTO original FROM entries WHERE id = NEW.corrects;
    IF original.id = NEW.id OR (original.payment_id, original.currency, original.slot)
            IS DISTINCT FROM (NEW.payment_id, NEW.currency, NEW.slot) THEN
        RAISE EXCEPTION 'entry % is about itself, or of another payment', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.kind = 'release') <> (original.kind = 'reservation')
            OR original.kind NOT IN ('reservation', 'accrual', 'correction') THEN
        RAISE EXCEPTION 'entry % is a % of a %', NEW.id, NEW.kind, original.kind
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'correction' AND NOT EXISTS (
        SELECT FROM entries WHERE corrects = NEW.corrects AND kind = 'reversal'
    ) THEN
        RAISE EXCEPTION 'entry % puts right what was not reversed', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind <> 'correction' AND EXISTS (
        SELECT FROM postings WHERE entry_id IN (NEW.id, NEW.corrects)
        GROUP BY account HAVING sum(amount_stroops) <> 0
    ) THEN
        RAISE EXCEPTION 'entry % is not the opposite of %', NEW.id, NEW.corrects
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

# By function and not by a condition of the trigger, so that the check of the book sees all of it.
KEPT = """
CREATE FUNCTION refuse_new_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'confirmed' AND OLD IS DISTINCT FROM NEW
       OR (OLD.id, OLD.number, OLD.outage_id, OLD.revision, OLD.type, OLD.amount_stroops,
           OLD.asset_code, OLD.payer, OLD.from_address, OLD.to_address)
       IS DISTINCT FROM (NEW.id, NEW.number, NEW.outage_id, NEW.revision, NEW.type,
           NEW.amount_stroops, NEW.asset_code, NEW.payer, NEW.from_address, NEW.to_address) THEN
        RAISE EXCEPTION 'what payment % moves, and the proof of it, is never changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_keep_their_facts BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION refuse_new_facts();
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'closed'
            AND to_jsonb(OLD) - 'last_seen_at' <> to_jsonb(NEW) - 'last_seen_at' THEN
        RAISE EXCEPTION 'break % is closed, and stays as it was closed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER breaks_stay_closed BEFORE UPDATE ON breaks
    FOR EACH ROW EXECUTE FUNCTION refuse_reopening();
CREATE TRIGGER balances_are_never_deleted BEFORE DELETE ON balances
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

LOOKING = (
    *("check_entry_balances", "check_entry_has_postings", "check_floor"),
    *("check_payment_is_attested", "refuse_change", "refuse_new_facts", "refuse_reopening"),
)


def upgrade() -> None:
    op.execute(WHOLE)
    op.execute(KEPT)
    for table in ("envelopes", "submissions"):
        op.execute(
            f"CREATE TRIGGER {table}_are_immutable BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in ("payments", "breaks"):
        op.execute(
            f"CREATE TRIGGER {table}_are_never_deleted BEFORE DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in (
        *("envelopes", "submissions", "payments", "breaks"),
        *("audit_leaves", "events", "sla_results", "policies"),
    ):
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_are_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    for function in LOOKING:
        # Temporary tables come first unless they are named, and anybody may make one named postings.
        op.execute(f"ALTER FUNCTION {function}() SET search_path = {schema}, pg_temp")


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
