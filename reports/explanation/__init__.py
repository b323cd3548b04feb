"""Evidence about what a model version bases its scores on."""
