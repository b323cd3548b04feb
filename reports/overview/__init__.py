"""The overview for whoever answers for many models: each figure over what the reader may read, and no further."""
