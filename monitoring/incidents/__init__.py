"""Serious incidents (Article 73 of the AI Act): when a report is due, what was done, and a draft of it.

The clocks (:mod:`monitoring.incidents.clocks`) and the draft (:mod:`monitoring.incidents.report`) are pure; what the
law says comes from the register, never from code.
"""
