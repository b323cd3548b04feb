"""API edge of the registry."""
