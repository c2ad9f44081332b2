"""Who may call, in the database: API keys."""
