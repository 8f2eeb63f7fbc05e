"""Channels that deliver an alert."""
