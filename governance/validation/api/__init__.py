"""Validations over HTTP, to read."""
