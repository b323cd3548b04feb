"""Bundles of a promotion, an AI system or a period: gather the entries, then the papers that they name, then write."""
