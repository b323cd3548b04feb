"""Every place outside the database where a checkpoint goes, behind one interface.

``sinks`` says what a place is, ``configuration`` makes them from ``PLACET_ANCHORS``, ``publisher`` serves them; one
module a kind. Nothing here decides what is signed: a place that fails is tried again, and the notary goes on.
"""
