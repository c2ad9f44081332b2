"""What proves who calls, and what only they can read: passwords, tokens, and encryption by libsodium."""
