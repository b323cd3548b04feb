"""HTTP edge of the legal register."""
