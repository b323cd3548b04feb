"""The pure measuring core of robustness evidence: rows are changed, the model answers again, answers are compared."""
