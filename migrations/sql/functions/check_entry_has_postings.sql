-- An entry has postings; a release or reversal takes back all of another entry. A payment has one settlement
-- that is not reversed; its row is locked, so that two transactions cannot each add one.
CREATE FUNCTION check_entry_has_postings() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
DECLARE
    original record;
BEGIN
    IF NOT EXISTS (SELECT FROM postings WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % has no postings', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'settlement' THEN
        PERFORM FROM payments WHERE id = NEW.payment_id FOR UPDATE;
        IF (SELECT count(*) FROM entries s WHERE s.payment_id = NEW.payment_id AND s.kind = 'settlement'
            AND NOT EXISTS (SELECT FROM entries r WHERE r.corrects = s.id AND r.kind = 'reversal')) > 1 THEN
            RAISE EXCEPTION 'payment % is settled already', NEW.payment_id
                USING ERRCODE = 'unique_violation';
        END IF;
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
            OR original.kind NOT IN ('reservation', 'accrual', 'correction', 'settlement')
            OR NEW.kind = 'correction' AND original.kind = 'settlement' THEN
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
