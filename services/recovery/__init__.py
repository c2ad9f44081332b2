"""Recovery: backups of the database of record, and what restores one."""
