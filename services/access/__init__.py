"""Access: API keys and the first admin."""
