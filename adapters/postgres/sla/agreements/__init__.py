"""Agreements and their parties in the database."""
