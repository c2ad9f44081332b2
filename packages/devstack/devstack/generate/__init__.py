"""Databases of any size from a seed: what years of outages would leave."""
