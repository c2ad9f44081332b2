-- An entry balances, and has as many postings as `lines` says: checked at the end of the transaction.
CREATE FUNCTION check_entry_balances() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
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
