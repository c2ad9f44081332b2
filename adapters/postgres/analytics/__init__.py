"""Analytics in the database: what is kept of outages, verdicts and the journal, and the sums over it."""
