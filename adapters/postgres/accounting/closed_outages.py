"""
Ended outages as SQL: the rules that the payment of a closed one is confirmed, unless a person reopened it,
and that of a voided one is taken back, as no other is. One that was settled elsewhere is neither paid nor disputed
here, and no verdict on it owes a payment.
"""

RULE = """
    SELECT 'closed_outages_paid', o.id, coalesce((
        SELECT format('it is closed and its payment %s is %s', p.id, p.status) FROM payments p
        WHERE p.outage_id = o.id ORDER BY p.revision DESC LIMIT 1
    ), 'it is closed and no payment was made of it')
    FROM outages o WHERE o.status = 'closed' AND NOT o.settled_elsewhere AND NOT EXISTS (
        SELECT FROM payments p WHERE p.outage_id = o.id AND p.status = 'confirmed'
    ) AND NOT EXISTS (
        SELECT FROM payments p JOIN entries s ON s.payment_id = p.id AND s.kind = 'settlement'
        JOIN entries r ON r.corrects = s.id AND r.kind = 'reversal' WHERE p.outage_id = o.id
    )
    UNION ALL
    SELECT 'closed_outages_paid', o.id, CASE WHEN o.status <> 'closed' THEN format('it is %s, and said to be settled elsewhere', o.status)
        ELSE 'it is said to be settled elsewhere, and was paid, disputed or judged here' END
    FROM outages o WHERE o.settled_elsewhere AND (o.status <> 'closed'
        OR EXISTS (SELECT FROM payments p WHERE p.outage_id = o.id)
        OR EXISTS (SELECT FROM disputes d WHERE d.outage_id = o.id)
        OR EXISTS (SELECT FROM sla_results r WHERE r.outage_id = o.id AND r.payment_id IS NOT NULL))
    UNION ALL
    SELECT 'obligation_lifecycle', id, format('it is %s and %s of %s stroops are taken back', status, reversed, amount)
    FROM obligation WHERE CASE status WHEN 'voided' THEN reversed <> amount ELSE reversed <> 0 AND EXISTS (
        SELECT FROM entries e WHERE e.payment_id = obligation.id AND e.kind = 'reversal') END
    UNION ALL
    SELECT 'obligation_lifecycle', o.id, format('it is %s and its payment %s is %s', o.status, p.id, p.status)
    FROM outages o JOIN payments p ON p.outage_id = o.id WHERE (o.status = 'voided') <> (p.status = 'voided')
"""
