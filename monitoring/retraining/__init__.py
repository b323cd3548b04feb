"""Ask a training pipeline for a new version when what is live has drifted: a signed CloudEvent to an address."""
