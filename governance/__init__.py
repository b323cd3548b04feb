"""People, subjects, evidence, policy and decisions: no machine-learning library is imported here."""
