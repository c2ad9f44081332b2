-- What a payment moves, and its proof, never change; unless it is reopened, whose settlement is reversed. Its
-- addresses may follow those of its parties for as long as nothing can have been signed. A voided one stays voided.
-- The function checks this and not a condition of the trigger, so that the integrity check sees the whole rule.
CREATE FUNCTION refuse_new_terms() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status = 'confirmed' AND OLD IS DISTINCT FROM NEW
       AND NOT (NEW.status = 'pending' AND EXISTS (
           SELECT FROM entries s JOIN entries r ON r.corrects = s.id AND r.kind = 'reversal'
           WHERE s.payment_id = OLD.id AND s.kind = 'settlement'
             AND s.transaction_hash = OLD.transaction_hash
       ))
       OR OLD.status = 'voided' AND OLD IS DISTINCT FROM NEW
       OR (OLD.id, OLD.number, OLD.outage_id, OLD.revision, OLD.type, OLD.amount_stroops,
           OLD.asset_code, OLD.payer)
       IS DISTINCT FROM (NEW.id, NEW.number, NEW.outage_id, NEW.revision, NEW.type,
           NEW.amount_stroops, NEW.asset_code, NEW.payer)
       OR (OLD.from_address, OLD.to_address) IS DISTINCT FROM (NEW.from_address, NEW.to_address)
       AND (OLD.status NOT IN ('pending', 'on_hold', 'blocked') OR NEW.status <> OLD.status
            OR EXISTS (SELECT FROM allocations WHERE payment_id = OLD.id AND live)) THEN
        RAISE EXCEPTION 'what payment % moves, and the proof of it, is never changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
