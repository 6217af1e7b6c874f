"""Benchmarks on generated cohorts: many small training parts, each tested on fresh subjects."""
