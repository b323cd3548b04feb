"""Pages of AI systems that need nothing but the inventory."""
