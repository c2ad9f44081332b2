"""Tables of deliveries as whoever dispatches uses them: claimed, recorded and counted many at a time."""
