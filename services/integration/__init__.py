"""Integration: subscriptions, deliveries and the event feed."""
