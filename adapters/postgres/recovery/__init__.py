"""Recovery: what a database holds, the restorations on record, and the databases of a server."""
