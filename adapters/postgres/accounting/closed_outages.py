"""Closed outages as SQL: the rule that the payment of each is confirmed, unless a person reopened it."""

RULE = """
    SELECT 'closed_outages_paid', o.id, coalesce((
        SELECT format('it is closed and its payment %s is %s', p.id, p.status) FROM payments p
        WHERE p.outage_id = o.id ORDER BY p.revision DESC LIMIT 1
    ), 'it is closed and no payment was made of it')
    FROM outages o WHERE o.status = 'closed' AND NOT EXISTS (
        SELECT FROM payments p WHERE p.outage_id = o.id AND p.status = 'confirmed'
    ) AND NOT EXISTS (
        SELECT FROM payments p JOIN entries s ON s.payment_id = p.id AND s.kind = 'settlement'
        JOIN entries r ON r.corrects = s.id AND r.kind = 'reversal' WHERE p.outage_id = o.id
    )
"""
