-- The analytics of an outage are folded anew: noted in the transaction that changed it, as a row of its own.
CREATE FUNCTION note_outage_change() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analytics_changes (outage_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
