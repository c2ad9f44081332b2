"""Who may call, in the database: people, sessions and API keys. Of every secret only a digest is kept."""
