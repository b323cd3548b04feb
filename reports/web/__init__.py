"""Web edge of the top layer: documents, and the AI systems, whose pages show everything below."""
