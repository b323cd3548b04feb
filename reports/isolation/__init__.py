"""Run a model, which is untrusted code, in a throw-away process and take only checked numbers back."""
