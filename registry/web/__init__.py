"""HTML edge of the registry."""
