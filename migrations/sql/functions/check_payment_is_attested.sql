-- A verdict that needs the contract's confirmation is not paid without it, even if the code is wrong.
CREATE FUNCTION check_payment_is_attested() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM attestations
        WHERE outage_id = NEW.outage_id AND revision = NEW.revision AND status <> 'attested'
    ) THEN
        RAISE EXCEPTION 'revision % of outage % is not attested', NEW.revision, NEW.outage_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
