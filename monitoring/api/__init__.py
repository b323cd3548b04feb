"""API edge of monitoring."""
