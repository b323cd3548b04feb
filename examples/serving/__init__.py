"""A prediction service that serves only what a permit covers."""
