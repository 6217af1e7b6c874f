"""Stages: their plans, and whether they fit the networks and each other."""
