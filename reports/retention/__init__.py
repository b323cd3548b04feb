"""What is kept, on which ground, for how long, and who ends it: one table, held against every table of the database."""
