"""Finds what runs behind the database or not at all, and brings it back."""
