"""Commands about journal and chain."""
