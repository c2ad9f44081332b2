"""Agreements: their parties, their versions, and what each covers."""
