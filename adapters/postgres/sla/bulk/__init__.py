"""Many outages at once: what is known of them, and their rows in one statement."""
