"""Analytics: what outages, verdicts and the journal add up to."""
