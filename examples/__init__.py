"""Examples that run: the demo, a service that verifies before it loads."""
