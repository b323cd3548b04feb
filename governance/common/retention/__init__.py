"""What is kept, on which ground, for how long, and who ends it: one table, which the pages show and the jobs obey."""
