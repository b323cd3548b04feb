"""Every figure that the README gives, measured here. ``make bench`` runs all; ``ARGS="append drift"`` some."""
