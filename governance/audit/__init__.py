"""The transparency log, writing side: append, sequence, sign, publish."""
