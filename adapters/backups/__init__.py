"""Backups on disk, and the programs of PostgreSQL that write and read them."""
