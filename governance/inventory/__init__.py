"""AI systems: purpose, owner, classification, tier and pinned datasets."""
