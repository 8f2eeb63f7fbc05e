"""Masking of names, e-mail and IP addresses before anything is written."""
