"""Evidence about how a model version treats groups of people."""
