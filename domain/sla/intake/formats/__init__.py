"""The forms in which others send alerts and notices."""
