-- The analytics of an outage change with what the journal says that its verdicts cost.
CREATE FUNCTION note_entry() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analytics_changes (outage_id)
    SELECT outage_id FROM sla_results WHERE payment_id = NEW.payment_id;
    RETURN NULL;
END $$;
