"""Deliveries to receivers: posting them, and how many may be on their way to each."""
