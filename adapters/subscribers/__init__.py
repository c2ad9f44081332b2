"""The receivers of webhooks: which addresses may be posted to, and the one client that does."""
