"""Evidence: typed, content-addressed statements about a subject, and the jobs that produce them."""
