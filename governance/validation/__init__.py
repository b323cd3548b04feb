"""Independent validation: what somebody without a part in a model found out about it, and when it is due again."""
