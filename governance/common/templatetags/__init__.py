"""Template tags that every page may load: ``placet`` (words, numbers, badges) and ``charts`` (server-side SVG)."""
