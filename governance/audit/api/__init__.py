"""API edge of the log."""
