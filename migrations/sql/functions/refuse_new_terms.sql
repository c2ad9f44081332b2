-- What a payment moves, and its proof, never change; unless it is reopened, whose settlement is reversed.
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
       OR (OLD.id, OLD.number, OLD.outage_id, OLD.revision, OLD.type, OLD.amount_stroops,
           OLD.asset_code, OLD.payer, OLD.from_address, OLD.to_address)
       IS DISTINCT FROM (NEW.id, NEW.number, NEW.outage_id, NEW.revision, NEW.type,
           NEW.amount_stroops, NEW.asset_code, NEW.payer, NEW.from_address, NEW.to_address) THEN
        RAISE EXCEPTION 'what payment % moves, and the proof of it, is never changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
