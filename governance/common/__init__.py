"""Shared ground without models: errors, problem details, clock, pagination, charts, embedded servers."""
