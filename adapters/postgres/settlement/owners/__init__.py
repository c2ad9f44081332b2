"""Whose wallets are, in the database."""
