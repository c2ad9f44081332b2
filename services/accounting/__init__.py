"""Whether the journal is right, and whether it and the chain say the same."""
