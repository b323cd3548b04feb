"""Documents: what was attached, declared or is missing, laid out and written as one PDF. Nothing is invented."""
