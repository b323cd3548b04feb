"""Django's PostgreSQL backend, with test databases that are migrated as owner and run as the app role."""
