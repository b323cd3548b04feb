"""Glue between evidence jobs and the measuring code, a module a type: fetch by digest, run the model apart, measure."""
