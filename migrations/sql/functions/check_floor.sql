-- No account holds less than its floor; a liability counts as what we owe.
CREATE FUNCTION check_floor() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM accounts
        WHERE name = NEW.account AND currency = NEW.currency
          AND floor_stroops > CASE kind WHEN 'liability' THEN -NEW.amount_stroops
                                        ELSE NEW.amount_stroops END
    ) THEN
        RAISE EXCEPTION 'account % would fall below its floor', NEW.account
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
