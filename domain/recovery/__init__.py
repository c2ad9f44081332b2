"""Recovery: what a backup says of itself, and what a restoration means."""
