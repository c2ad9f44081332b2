"""Brings outages in line with the episodes of alerts."""
