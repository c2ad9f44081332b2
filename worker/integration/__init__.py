"""How a worker delivers."""
