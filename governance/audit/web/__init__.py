"""HTML edge of the log."""
