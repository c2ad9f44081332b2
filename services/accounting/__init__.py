"""Accounting: the journal's integrity, and its reconciliation with the chain."""
