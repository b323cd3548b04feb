"""Evidence about whether a score means what it says."""
