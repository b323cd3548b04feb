"""Evidence about how well a model version predicts."""
