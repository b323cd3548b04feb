"""Placet's client: verify its log and its permits, declare evaluation data, ask for promotions.

Nothing is imported here on purpose: ``import placet`` costs nothing, and each module names what it needs.
"""

__version__ = "0.1.0"
