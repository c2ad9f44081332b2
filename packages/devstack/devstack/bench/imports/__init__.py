"""How fast events reach receivers, beside how fast the same posts are without an engine."""
