"""Benchmarks: many methods on one cohort and the same splits, records of what came out, and tables of them."""
