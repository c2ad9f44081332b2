"""Taking a backup, and proving that it can be restored."""
