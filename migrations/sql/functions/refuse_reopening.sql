-- A closed break never changes.
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status = 'closed'
            AND to_jsonb(OLD) - 'last_seen_at' <> to_jsonb(NEW) - 'last_seen_at' THEN
        RAISE EXCEPTION 'break % is closed, and stays as it was closed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
