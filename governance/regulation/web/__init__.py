"""HTML edge of the legal register."""
