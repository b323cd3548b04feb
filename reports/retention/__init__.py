"""The table of retention held against the database: what is kept now, until when, and what has become due."""
