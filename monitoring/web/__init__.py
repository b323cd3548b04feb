"""Web edge of monitoring."""
