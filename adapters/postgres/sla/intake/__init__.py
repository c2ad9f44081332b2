"""Sources of alerts and notices in the database, and what came of them."""
