"""What receivers of events get: their schemas."""
