-- A row is never changed or deleted; to take something back, insert a new row.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed; write a new one', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
