"""Whose wallets are."""
