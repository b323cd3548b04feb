"""The dated legal register of the EU AI Act and the classification it supports: data plus pure functions."""
