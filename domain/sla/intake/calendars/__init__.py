"""Calendars of others, and what their local times mean."""
