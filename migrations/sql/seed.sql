-- The first rows. These policies are in force from the earliest instant, so that old outages can be judged:
-- `standard` keeps a verdict open to disputes for 24 hours, `sandbox` for 5 seconds.
-- domain/sla/policies.py computes the same terms_hash and digest; a test compares them.
INSERT INTO policies (name, version, effective_from, dispute_window_seconds, decision_window_seconds,
    terms, terms_hash, digest)
SELECT name, 1, '0001-01-01T00:00:00Z', dispute_window_seconds, 1209600, '{
    "critical": {"threshold_minutes": 15, "penalty_per_minute": 100, "reward_base": 750},
    "high": {"threshold_minutes": 30, "penalty_per_minute": 50, "reward_base": 750},
    "medium": {"threshold_minutes": 60, "penalty_per_minute": 25, "reward_base": 750},
    "low": {"threshold_minutes": 120, "penalty_per_minute": 10, "reward_base": 600}
}'::jsonb, 1417728228875630226, digest
FROM (VALUES
    ('standard', 86400, '88004d550194751c3ca3a9c644e3dd2693b387d959bd344c4768512944fb1e1b'),
    ('sandbox', 5, 'b5180d3b35b25cef8321cc1c0778bb778bc89ae3b46c7510676d29c53cd8a136')
) AS first (name, dispute_window_seconds, digest);

-- The circuit breaker is closed.
INSERT INTO circuit_breakers (name, is_open, reason, changed_by, changed_at)
VALUES ('settlement', false, 'never opened', 'engine', now());

-- This installation has an id of its own, which its payments' numbers on the chain are derived from.
INSERT INTO installation DEFAULT VALUES;
