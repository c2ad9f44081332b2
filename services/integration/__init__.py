"""Who is told what happened: subscriptions, deliveries, and the feed."""
