-- The analytics of an outage change with the verdict on it.
CREATE FUNCTION note_verdict() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analytics_changes (outage_id) VALUES (NEW.outage_id);
    RETURN NULL;
END $$;
