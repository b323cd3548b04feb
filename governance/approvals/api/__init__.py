"""API edge."""
