"""Alerts: what is new, its text, the channels it goes to."""
