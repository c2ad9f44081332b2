-- One round trip, one transaction: a payment is admitted and counted, or neither. It counts for the
-- day on which it is last let go, which is the day it is signed on, and never for an earlier one again:
-- a week of payments cannot leave on a single day, whatever that day's cap.
-- Locks are taken in one order everywhere, so that none wait in a ring: the payment's row; then the
-- treasury's row of the day and the payee's; at last those of an earlier day it no longer counts for.
CREATE FUNCTION admit_payment(
    p_payment text, p_digest text, p_payer text, p_payee text, p_amount bigint, p_day date,
    p_cap_per_payment bigint, p_cap_per_day bigint, p_cap_per_payee_per_day bigint,
    p_approval_above bigint, p_approvers bigint, OUT admission text, OUT detail text
) LANGUAGE plpgsql AS $$
DECLARE
    stands text;
    counted_to text;
    counted_on date;
    anew boolean;
    from_payer numeric;
    to_payee numeric;
BEGIN
    SELECT status INTO stands FROM payments WHERE id = p_payment FOR NO KEY UPDATE;
    IF stands NOT IN ('pending', 'on_hold', 'blocked') THEN
        admission := 'signed'; RETURN;
    END IF;
    SELECT reason INTO detail FROM circuit_breakers WHERE name = 'settlement' AND is_open;
    IF FOUND THEN
        admission := 'breaker'; RETURN;
    END IF;
    IF p_amount > p_cap_per_payment THEN
        admission := 'cap_per_payment'; RETURN;
    END IF;
    IF p_amount > p_approval_above THEN
        SELECT count(DISTINCT approver) INTO detail FROM approvals
        WHERE payment_id = p_payment AND digest = p_digest AND voided_at IS NULL;
        IF detail::bigint < p_approvers THEN
            admission := 'approval'; RETURN;
        END IF;
    END IF;
    SELECT to_address, day INTO counted_to, counted_on FROM authorisations
    WHERE payment_id = p_payment;
    -- The later day, where the clocks of two workers lie astride midnight.
    p_day := GREATEST(p_day, counted_on);
    anew := counted_on IS DISTINCT FROM p_day;
    IF anew OR counted_to IS DISTINCT FROM p_payee THEN
        INSERT INTO spending (day, side, account, spent_stroops)
        VALUES (p_day, 'payer', p_payer, 0), (p_day, 'payee', p_payee, 0) ON CONFLICT DO NOTHING;
        SELECT spent_stroops INTO from_payer FROM spending
        WHERE day = p_day AND side = 'payer' AND account = p_payer FOR UPDATE;
        SELECT spent_stroops INTO to_payee FROM spending
        WHERE day = p_day AND side = 'payee' AND account = p_payee FOR UPDATE;
        IF anew AND from_payer + p_amount > p_cap_per_day THEN
            admission := 'cap_per_day'; RETURN;
        END IF;
        IF to_payee + p_amount > p_cap_per_payee_per_day THEN
            admission := 'cap_per_payee_per_day'; RETURN;
        END IF;
        UPDATE spending SET spent_stroops = spent_stroops + p_amount
        WHERE day = p_day AND (
            (side = 'payee' AND account = p_payee)
            OR (side = 'payer' AND account = p_payer AND anew)
        );
        IF counted_on <> p_day THEN
            UPDATE spending SET spent_stroops = spent_stroops - p_amount
            WHERE day = counted_on AND side = 'payer' AND account = p_payer;
            UPDATE spending SET spent_stroops = spent_stroops - p_amount
            WHERE day = counted_on AND side = 'payee' AND account = counted_to;
        END IF;
    END IF;
    INSERT INTO authorisations (payment_id, day, to_address, amount_stroops, digest, admitted_at)
    VALUES (p_payment, p_day, p_payee, p_amount, p_digest, clock_timestamp())
    ON CONFLICT (payment_id) DO UPDATE SET
        day = excluded.day, to_address = excluded.to_address, digest = excluded.digest,
        admitted_at = excluded.admitted_at;
    admission := 'admitted';
END $$;
