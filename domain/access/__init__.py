"""Access: who calls, and what each role may do."""
