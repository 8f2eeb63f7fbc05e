"""Sends new events to the targets under `[forward]`, each event once."""
